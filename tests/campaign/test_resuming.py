"""A run that was stopped at any step, whatever its task, ends as the one that was left alone, to the bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from netyard import manifests, run
from netyard.callbacks.checkpoint import BestAndLast
from netyard.callbacks.signals import Signals
from netyard.cli import compose
from netyard.rundir import RunDir
from netyard.sweeps.pool import Ending, Pool
from support.run_comparison import all_of, differences

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


@pytest.mark.parametrize("task", RUNS)
def test_a_run_stopped_at_any_step_ends_alike(tally, stopped_everywhere, task: str) -> None:
    tried, withstood = 0, 0
    for settings in RUNS[task]:
        for alone, point in stopped_everywhere(*settings, *QUIET):
            found = differences(all_of(alone), all_of(point))
            tried, withstood = tried + 1, withstood + (not found)
            print(*settings, point.name, *found[:5], sep="\n  ")
    assert tried >= 7 * len(RUNS[task])
    tally(f"stopped at any step and resumed: {task}", tried, withstood)


KILLS = int(os.environ.get("KILLS", "100"))
RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=40", "model.dropout=0.2", "scheduler=cosine", "logger=none")
SHORT, LONG = 4, 250  # epochs


class Runs:
    """Runs that a warm server forks, each a process of its own that does what ``python train.py`` does."""

    def __init__(self) -> None:
        self._pool = Pool(devices="cpu", jobs_per_device=2)  # of one thread each, and one after another
        self._number = 0

    def run(self, folder: Path, epochs: int, seconds: float | None = None, how: str | None = None) -> Ending:
        """Begin a run, or go on with it, and kill it after so many seconds, if it has not ended by then."""
        folder.mkdir(exist_ok=True)
        self._number += 1
        words = [*RUN, f"trainer.max_epochs={epochs}", *["resume=auto"] * (how == "auto")]
        self._pool.start(self._number, words, folder, resumed=how == "directory")
        if not (endings := self._pool.wait(seconds)):
            self._pool._end(self._number, signal.SIGKILL)
            endings = self._pool.wait()
        return endings[0]

    def again(self, folder: Path, epochs: int, seconds: float | None = None) -> Ending:
        """Start a killed run again in one of two ways, of which the one wants a record of what was typed."""
        recorded = (folder / ".hydra" / "overrides.yaml").is_file()
        return self.run(folder, epochs, seconds, random.choice(["auto", "directory"] if recorded else ["auto"]))

    def close(self) -> None:
        self._pool.close()


def faults(ending: Ending, folder: Path, alone: Path) -> list[str]:
    """What is not as it would be had the run been left alone."""
    run_dir = RunDir(folder)
    if ending.code != 0 or run_dir.status().get("state") != "completed":
        return [f"it ended with code {ending.code}", (folder / "console.log").read_text()[-5000:]]
    names = {f"{each.name}.{kind}" for each in manifests.known(run_dir.checkpoints) for kind in ("ckpt", "json")}
    odd = {path.name for path in run_dir.checkpoints.iterdir()} ^ {"best.ckpt", "last.ckpt", *names}
    odd |= {path.name for path in folder.rglob(".*.tmp")}
    return [*(f"{name} is left over, or missing" for name in odd), *differences(all_of(alone), all_of(folder))]


def at_a_random_instant(runs: Runs, place: Path) -> tuple[int, int]:
    """Many runs, each killed once, at any instant of the time that one takes; how many were, and ended alike."""
    for name in ("cold", "alone"):
        began = runs.run(place / name, SHORT)
        assert began.code == 0, (place / name / "console.log").read_text()
    assert not faults(began, place / "cold", place / "alone")
    killed, withstood, number = 0, 0, 0
    while killed < KILLS:
        folder, number = place / str(number), number + 1
        seconds = random.uniform(0, began.seconds)
        if runs.run(folder, SHORT, seconds).code == -signal.SIGKILL:
            wrong = faults(runs.again(folder, SHORT), folder, place / "alone")
            killed, withstood = killed + 1, withstood + (not wrong)
            print(*[f"killed {seconds:.3f} s after its start:", *wrong[:5]] * bool(wrong), sep="\n", end="")
        shutil.rmtree(folder)
    return killed, withstood


def again_and_again(runs: Runs, place: Path, times: int) -> bool:
    """One run, killed so often; whether it ended as the one that was left alone."""
    start = runs.run(place / "short", SHORT).seconds
    assert runs.run(place / "left alone", LONG).code == 0
    for _ in range(times):
        ending = runs.again(place / "killed", LONG, random.uniform(0, 1.5 * start))
        if ending.code != -signal.SIGKILL:
            break
    wrong = faults(runs.again(place / "killed", LONG), place / "killed", place / "left alone")
    print(*wrong[:5], sep="\n")
    return not wrong and ending.code == -signal.SIGKILL


def test_a_run_that_was_killed_ends_as_it_would_have(tally, tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    random.seed(seed)
    with closing(Runs()) as runs:
        tally("killed at a random instant, and started again", *at_a_random_instant(runs, tmp_path))
        tally("killed 25 times in a row, and started again each time", 1, again_and_again(runs, tmp_path, 25))
