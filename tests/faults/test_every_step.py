"""A run that was stopped at any step, whatever its task, ends as the one that was left alone, to the bit."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from campaign import enter
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard import checkpoint, run
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

        def keeping(self: BestAndLast, trainer: Any, best: bool = False) -> None:
            save(self, trainer, best)
            points.append(folder / f"stopped-{len(points)}")
            shutil.copytree(alone, points[-1])

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


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two states differ, in any bit; NaN is like NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [f"{where}.{key} is in one of them" for key in one.keys() ^ other.keys()]
        pairs = [(one[key], other[key], f"{where}.{key}") for key in one.keys() & other.keys()]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        found = [] if len(one) == len(other) else [f"{where} has {len(one)} and {len(other)} of them"]
        pairs = [(*each, f"{where}.{at}") for at, each in enumerate(zip(one, other, strict=False))]
    else:
        tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
        alike = (
            (one.dtype == other.dtype and torch.equal(bits(one), bits(other))) if tensors else repr(one) == repr(other)
        )
        return [] if alike else [f"{where}: {one!r} and {other!r}"[:200]]
    return found + [each for pair in pairs for each in differences(*pair)]


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(-1).contiguous().view(torch.uint8)


def state(path: Path) -> dict[str, Any]:
    """The last state of a run, but for how often it was saved and what it was resumed from."""
    found = checkpoint.read(path / "checkpoints" / "last.ckpt")
    found["netyard"]["config"]["resume"] = None
    kept = found["callbacks"]["BestAndLast"]
    del kept["save"], kept["number"]
    loop = found["loops"]["fit_loop"]  # Lightning counts a batch that was fetched before the stop once more
    loop["epoch_loop.batch_progress"]["total"]["ready"] = None
    for key in [key for key in loop if ".val_loop." in key]:
        del loop[key]
    return found


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def scores(path: Path) -> dict[str, Any]:
    results = RunDir(path).results()
    return {key: results[key] for key in ("metrics", "objective", "epochs", "steps")}


def curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point of the dashboard, the files of one process and second in the order of their numbers."""
    for file in path.glob("events.out.tfevents.*"):
        stem, _, number = file.name.rpartition(".")
        file.rename(file.with_name(f"{stem}.{int(number):05d}"))
    events = EventAccumulator(str(path)).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.endswith("per_second")]
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in tags}


def all_of(path: Path) -> list[Any]:
    return [state(path), rows(path), scores(path), curves(path)]


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
