"""A run that was stopped at any step, whatever its task, ends as the one that was left alone, to the bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from campaign import enter
from comparing import all_of, differences
from omegaconf import OmegaConf

from netyard import run
from netyard.callbacks.checkpoint import BestAndLast
from netyard.callbacks.signals import Signals
from netyard.cli import compose
from netyard.rundir import RunDir

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
RUNS: dict[str, list[tuple[str, ...]]] = {
    "classification": [
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "model.dropout=0.3", "trainer.log_every_n_steps=1"),
        ("model=cnn", *PICTURES, "augmentation=strong", "callbacks=[default,ema]", "scheduler=cosine"),
        ("model=lenet5", *PICTURES, "augmentation=cutmix", "optimizer=nesterov"),
        ("model=mlp_tiny", "data=wine", "data.batch_size=8", "trainer.accumulate_grad_batches=3", "logger=none"),
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "optimizer=muon", "scheduler=one_cycle", "logger=none"),
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "+trainer.val_check_interval=3"),  # of 4 steps
        ("model=gru", "data=digits_rows", "data.batch_size=16", "model.hidden_size=8", "logger=none"),
    ],
    "regression": [
        ("model=mlp_tiny", "data=diabetes", "data.batch_size=16", "scheduler=plateau", "optimizer=adamw"),
        ("model=mlp_tiny", "data=diabetes", "data.batch_size=16", "optimizer=lbfgs", "logger=none"),
    ],
    "language": [
        ("model=lstm", "data=python_source", "model.hidden_size=8", "data.batch_size=4", "model.dropout=0.2"),
    ],
    "forecasting": [("model=gru", "data=sunspots", "data.batch_size=16", "model.hidden_size=8")],
    "translation": [("model=seq2seq", "data=number_words", "data.batch_size=8", "data.size=200")],
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
    ],
    "Q-learning": [("model=prioritized_dqn", *AGENT), ("model=rainbow", *AGENT)],
}  # fmt: skip


@pytest.fixture
def stopped_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[tuple[Path, Path]]]:
    """Run, and keep what lies on the disk at each step, as a kill would leave it; then go on from each of them."""

    def runs(*overrides: str) -> Iterator[tuple[Path, Path]]:
        cfg, choices = compose(overrides)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
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
        with monkeypatch.context() as patch:
            patch.setattr(Signals, "on_train_batch_start", saving)
            patch.setattr(BestAndLast, "save", keeping)
            run.fit(OmegaConf.create(OmegaConf.to_yaml(cfg)), dict(choices), RunDir(alone))
        for point in points:
            again = OmegaConf.create(OmegaConf.to_yaml(cfg))
            again.resume = str(point)
            run.fit(again, dict(choices), RunDir(point))
            yield alone, point

    return runs


@pytest.mark.slow
@pytest.mark.parametrize("task", RUNS)
def test_a_run_stopped_at_any_step_ends_alike(stopped_everywhere, task: str) -> None:
    tried, withstood = 0, 0
    for settings in RUNS[task]:
        for alone, point in stopped_everywhere(*settings, *QUIET):
            found = differences(all_of(alone), all_of(point))
            tried, withstood = tried + 1, withstood + (not found)
            print(*settings, point.name, *found[:5], sep="\n  ")
    assert tried >= 7 * len(RUNS[task])
    enter(f"stopped at any step and resumed: {task}", tried, withstood)
