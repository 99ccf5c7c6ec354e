"""Stops runs of each task at each step and resumes them, to compare them with an uninterrupted run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from netyard.callbacks.best_and_last import BestAndLast
from netyard.callbacks.graceful_stop import Signals
from netyard.config.compose import compose
from netyard.run_directories.directory import RunDir
from netyard.training import fit
from support.run_comparison import all_of, differences
from support.user_files import write_user_files

QUIET = (
    "trainer=cpu", "trainer.max_epochs=3", "trainer.limit_train_batches=4", "trainer.limit_val_batches=2",
    "trainer.limit_test_batches=1", "callbacks.samples=null", "callbacks.projector=null", "callbacks.episodes=null",
    "callbacks.figures=null", "callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64",
)  # fmt: skip
PICTURES = ("data=digits", "data.batch_size=16", "logger=none")
AGENT = (
    "trainer.limit_train_batches=null", "data.steps_per_batch=32", "data.steps_per_epoch=128", "data.val_episodes=1",
    "data.test_episodes=1", "data.batch_size=8", "task.warmup_steps=40", "trainer.log_every_n_steps=8",
)  # fmt: skip
# FILES becomes the folder of the files that ``write_user_files`` makes.
RUNS: dict[str, list[tuple[str, ...]]] = {
    "classification": [
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "model.dropout=0.3", "trainer.log_every_n_steps=1"),
        ("model=cnn", *PICTURES, "augmentation=strong", "callbacks=[default,ema]", "scheduler=cosine"),
        ("model=lenet5", *PICTURES, "augmentation=cutmix", "optimizer=nesterov"),
        ("model=mlp_tiny", "data=wine", "data.batch_size=8", "trainer.accumulate_grad_batches=3", "logger=none"),
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "optimizer=muon", "scheduler=one_cycle", "logger=none"),
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "trainer.val_check_interval=3"),  # of 4 steps
        ("model=gru", "data=digits_rows", "data.batch_size=16", "model.hidden_size=8", "logger=none"),
        (
            "model=mlp_tiny", "data=iris", "data.batch_size=8", "model.dropout=0.3", "trainer.val_check_interval=3",
            "trainer.check_val_every_n_epoch=null", "callbacks=[default,early_stopping,ema]", "scheduler=plateau",
            "callbacks.early_stopping.patience=3", "callbacks.checkpoint.every_n_steps=5", "scheduler.patience=0",
        ),
    ],
    "regression": [
        ("model=mlp_tiny", "data=diabetes", "data.batch_size=16", "scheduler=plateau", "optimizer=adamw"),
        ("model=mlp_tiny", "data=diabetes", "data.batch_size=16", "optimizer=lbfgs", "logger=none"),
    ],
    "language": [
        ("model=lstm", "data=python_source", "model.hidden_size=8", "data.batch_size=4", "model.dropout=0.2"),
    ],
    "multilabel": [
        (
            "model=mlp_tiny", "task=multilabel", "data=image_folder", "data.root=FILES/photos",
            "data.labels=FILES/tags.csv", "data.image_size=8", "data.num_workers=0", "data.batch_size=3",
            "data.val_fraction=0.3", "model.dropout=0.3", "trainer.log_every_n_steps=1",
        ),
    ],
    "anomaly": [
        ("model=autoencoder", *PICTURES, "task=anomaly", "task.normal=[0,1,2]", "task.noise=masking"),
        ("model=autoencoder", *PICTURES, "task=anomaly", "task.normal=[3]", "callbacks=[default,ema]"),
    ],
    "forecasting": [
        ("model=gru", "data=sunspots", "data.batch_size=16", "model.hidden_size=8"),
        (
            "model=gru_tiny", "data=series", "data.path=FILES/shops.csv", "data.column=sold", "data.series_id=shop",
            "data.gaps=previous", "data.window=7", "data.horizon=3", "data.batch_size=8", "model.dropout=0.2",
        ),
    ],
    "labelled texts": [
        (
            "model=gru_tiny", "data=labelled_text", "data.path=FILES/opinions.csv", "data.batch_size=8",
            "model.dropout=0.2",
        ),
    ],
    "translation": [
        ("model=seq2seq", "data=number_words", "data.batch_size=8", "data.size=200"),
        ("model=seq2seq_tiny", "data=pairs", "data.path=FILES/pairs.tsv", "data.batch_size=8", "model.dropout=0.2"),
    ],
    "reconstruction": [
        ("model=autoencoder", *PICTURES, "scheduler=warmup_cosine"),
        ("model=denoising_autoencoder", *PICTURES),
        ("model=contractive_autoencoder", *PICTURES),
    ],
    "variational": [("model=vae", *PICTURES)],
    "vector quantised": [("model=vq_vae", *PICTURES)],
    "adversarial": [
        ("model=gan", *PICTURES, "task.r1=0.1"),
        ("model=wgan_gp", *PICTURES),
        ("model=conditional_gan", *PICTURES),
        ("model=gan", "data=wine", "data.batch_size=8", "logger=none"),
    ],
    "Q-learning": [("model=prioritized_dqn", *AGENT), ("model=rainbow", *AGENT)],
}  # fmt: skip


def stopped_everywhere(
    settings: tuple[str, ...], folder: Path, only: Sequence[int] | None = None
) -> Iterator[list[str]]:
    """Run, and keep what lies on the disk at each step, as a kill would leave it; then go on from each of them.

    Yields where each of these runs differs from the one that was left alone; of ``only`` those that are numbered so.
    """
    if any("FILES" in each for each in settings):
        write_user_files(folder / "files")
    cfg, choices = compose([*(each.replace("FILES", str(folder / "files")) for each in settings), *QUIET])
    alone = folder / "alone"
    points: list[Path] = []

    def saving(self: Signals, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if self.between_steps(trainer, batch_idx):
            next(each for each in trainer.checkpoint_callbacks if isinstance(each, BestAndLast)).save(trainer)

    def keeping(self: BestAndLast, trainer: Any, best: bool = False) -> bool:
        saved = save(self, trainer, best)
        points.append(folder / f"stopped-{len(points)}")
        shutil.copytree(alone, points[-1])
        return saved

    save = BestAndLast.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_start", saving)
        patch.setattr(BestAndLast, "save", keeping)
        fit.fit(OmegaConf.create(OmegaConf.to_yaml(cfg)), dict(choices), RunDir(alone))
    for point in points if only is None else [points[number] for number in only]:
        again = OmegaConf.create(OmegaConf.to_yaml(cfg))
        again.resume = str(point)
        fit.fit(again, dict(choices), RunDir(point))
        found = differences(all_of(alone), all_of(point))
        yield [f"{point.name}: {each}" for each in found]
