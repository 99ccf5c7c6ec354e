"""Runs that are killed at random instants, which are counted in calls of functions, so that no speed matters.

Run as a program, a server of ``fork_server`` that has imported what a run needs. A forked process does what
``python train.py`` does. Python calls a function of ours whenever its main thread enters or leaves a function; at a
drawn one of these calls the kernel is told to end the process within so many microseconds, at whatever instruction it
is then. A process that would end by itself before that ends itself at once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netyard import forkserver, manifests
from netyard.rundir import RunDir
from support.fork_server import ForkServer, serve
from support.run_comparison import all_of, differences

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=40", "model.dropout=0.2", "scheduler=cosine", "logger=none")
SHORT, LONG = 4, 60  # epochs
KILLED = (-signal.SIGALRM, -signal.SIGKILL)


@dataclass(frozen=True)
class Instant:
    """So many calls after the start of an epoch, or of the process if None, and so many seconds; before ``before``."""

    calls: int
    seconds: float
    epoch: int | None = None
    before: int | None = None
    """The epoch whose start the process does not live to see."""


@dataclass(frozen=True)
class Ending:
    code: int
    calls: dict[str, int]
    """How many there were by the start of each epoch, and by the end."""


class Runs:
    """Runs of processes of their own; each is begun, or gone on with, and killed at an instant if one is given."""

    def __init__(self) -> None:
        self._server = ForkServer("support.killed_runs")

    def run(self, folder: Path, epochs: int, instant: Instant | None = None, how: str = "") -> Ending:
        folder.mkdir(exist_ok=True)
        words = [*RUN, f"trainer.max_epochs={epochs}", *["resume=auto"] * (how == "auto"), f"hydra.run.dir={folder}"]
        if how == "directory":
            words = [f"resume={folder}"]
        self._server.order(words, folder / "console.log", instant and asdict(instant))
        code, said = self._server.answer()
        if code < 0:
            return Ending(code, {})
        assert isinstance(said, dict), said
        return Ending(said.pop("code"), said)

    def again(self, folder: Path, epochs: int, draw: random.Random, instant: Instant | None = None) -> Ending:
        """Start a killed run again in one of two ways, of which the one wants a record of what was typed."""
        recorded = (folder / ".hydra" / "overrides.yaml").is_file()
        return self.run(folder, epochs, instant, draw.choice(["auto", "directory"]) if recorded else "auto")

    def close(self) -> None:
        self._server.close()


def faults(ending: Ending, folder: Path, alone: Path) -> list[str]:
    """What is not as it would be had the run been left alone."""
    run_dir = RunDir(folder)
    if ending.code != 0 or run_dir.status().get("state") != "completed":
        return [f"it ended with code {ending.code}", (folder / "console.log").read_text()[-5000:]]
    names = {f"{each.name}.{kind}" for each in manifests.known(run_dir.checkpoints) for kind in ("ckpt", "json")}
    odd = {path.name for path in run_dir.checkpoints.iterdir()} ^ {"best.ckpt", "last.ckpt", *names}
    odd |= {path.name for path in folder.rglob(".*.tmp")}
    return [*(f"{name} is left over, or missing" for name in odd), *differences(all_of(alone), all_of(folder))]


def left_alone(runs: Runs, folder: Path, epochs: int) -> Ending:
    ending = runs.run(folder, epochs)
    assert ending.code == 0, (folder / "console.log").read_text()
    return ending


def once(runs: Runs, folder: Path, alone: tuple[Path, Ending], draw: random.Random) -> list[str]:
    """A run killed at any of the calls of one that was left alone, and started again; what is wrong in the end."""
    instant = Instant(draw.randrange(alone[1].calls["end"]), _soon(draw))
    if (code := runs.run(folder, SHORT, instant).code) not in KILLED:
        return [f"it was not killed: {code}"]
    wrong = faults(runs.again(folder, SHORT, draw), folder, alone[0])
    return [f"{instant}", *wrong] if wrong else []


def again_and_again(runs: Runs, folder: Path, alone: tuple[Path, Ending], times: int, draw: random.Random) -> list[str]:
    """One run killed so often and started again each time; what is wrong in the end.

    A kill comes at any call of the first epochs that a process sees, or of the start before them. How many epochs those
    are is drawn, as twice a fair share at most of the epochs that are left; the last epoch is for the end.
    """
    counts = alone[1].calls
    start, epoch = counts["0"], (counts["end"] - counts["0"]) // LONG
    for number in range(times):
        reached = max((each.epoch + 1 for each in manifests.known(RunDir(folder).checkpoints)), default=0)
        room = 2 * (LONG - 1 - reached) // (times + 1 - number)
        at = draw.randint(-1, room)
        instant = Instant(
            draw.randrange(start if at < 0 else epoch),
            _soon(draw),
            None if at < 0 else min(reached + at, LONG - 2),
            LONG - 1,
        )
        if (code := runs.again(folder, LONG, draw, instant).code) not in KILLED:
            return [f"it was not killed by kill {number}, but ended with code {code}"]
    return faults(runs.again(folder, LONG, draw), folder, alone[0])


def _soon(draw: random.Random) -> float:
    return draw.uniform(1e-6, 2e-3)


class Dying:
    """Counts the calls of this process, and ends it at an instant."""

    def __init__(self, instant: dict[str, Any] | None) -> None:
        self.counts: dict[str, int] = {}
        self._instant = Instant(**instant) if instant else None
        self._count, self._at = 0, -1
        if self._instant and self._instant.epoch is None:
            self._at = self._instant.calls
        self._watch_epochs()
        sys.setprofile(self._hear)

    def end(self) -> None:
        sys.setprofile(None)
        self.counts["end"] = self._count
        if self._instant:
            os.kill(os.getpid(), signal.SIGKILL)

    def _hear(self, frame: object, event: str, argument: object) -> None:
        if self._count == self._at:
            assert self._instant is not None
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # by which the kernel ends the process, unasked
            signal.setitimer(signal.ITIMER_REAL, self._instant.seconds)
        self._count += 1

    def _watch_epochs(self) -> None:
        from netyard.callbacks.signals import Signals

        begins = Signals.on_train_batch_start

        def begun(callback: Any, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
            epoch = trainer.current_epoch
            if batch_idx == 0:
                self.counts[str(epoch)] = self._count
            if self._instant and batch_idx == 0 and epoch == self._instant.before:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._instant and batch_idx == 0 and epoch == self._instant.epoch:
                self._at = self._count + self._instant.calls
            begins(callback, trainer, module, batch, batch_idx)

        Signals.on_train_batch_start = begun  # type: ignore[method-assign]


def obey(words: list[str], console: str, instant: dict[str, Any] | None) -> dict[str, int]:
    dying = Dying(instant)
    code = forkserver._be_the_job({"arguments": words, "console": console, "environment": {}, "threads": 1})
    dying.end()
    return {"code": code, **dying.counts}


def main() -> None:
    sys.argv = ["train.py"]
    forkserver._warm_up()
    for name in forkserver._modules():
        forkserver._import(name)
    serve(obey)


if __name__ == "__main__":
    main()
