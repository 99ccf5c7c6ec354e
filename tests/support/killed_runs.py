"""Kills runs at random instants, counted in function calls, so that the speed of the machine does not matter.

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
from itertools import pairwise
from pathlib import Path
from typing import Any

from netyard.callbacks.graceful_stop import Signals
from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.sweeps.runners import fork_server
from support.fork_server import ForkServer, serve
from support.run_comparison import all_of, differences
from support.warm_processes import WarmServer

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=40", "model.dropout=0.2", "scheduler=cosine", "logger=none")
SHORT, LONG = 4, 60  # epochs
KILLED = (-signal.SIGALRM, -signal.SIGKILL)


@dataclass(frozen=True)
class Instant:
    """An instant: a number of calls after the first step of an epoch (-1: after the process start), then seconds."""

    epoch: int
    calls: int
    seconds: float
    last: int | None = None
    """An epoch that the process never reaches."""


@dataclass(frozen=True)
class Ending:
    """The exit code of a run, and the number of calls before its first epoch and in each epoch."""

    code: int
    calls: list[int]


class Runs:
    """Starts or resumes runs in their own processes, and kills them at an instant if one is given."""

    def __init__(self, server: WarmServer) -> None:
        self._server = ForkServer(server, "support.killed_runs")

    def run(
        self, folder: Path, epochs: int, instant: Instant | None = None, how: str = "", counted: bool = False
    ) -> Ending:
        folder.mkdir(exist_ok=True)
        words = [*RUN, f"trainer.max_epochs={epochs}", *["resume=auto"] * (how == "auto"), f"hydra.run.dir={folder}"]
        if how == "directory":
            words = [f"resume={folder}"]
        self._server.order(words, folder / "console.log", instant and asdict(instant), counted)
        code, said = self._server.answer()
        if code < 0:
            return Ending(code, [])
        assert isinstance(said, list), said
        return Ending(said[0], said[1:])

    def again(self, folder: Path, epochs: int, draw: random.Random, instant: Instant | None = None) -> Ending:
        """Start a killed run again in one of two ways, of which the one wants a record of what was typed."""
        recorded = (folder / ".hydra" / "overrides.yaml").is_file()
        return self.run(folder, epochs, instant, draw.choice(["auto", "directory"]) if recorded else "auto")

    def close(self) -> None:
        self._server.close()


def faults(ending: Ending, folder: Path, alone: Path) -> list[str]:
    """Return the differences from a run that was not killed."""
    run_dir = RunDir(folder)
    if ending.code != 0 or run_dir.status().get("state") != "completed":
        return [f"it ended with code {ending.code}", (folder / "console.log").read_text()[-5000:]]
    names = {f"{each.name}.{kind}" for each in manifest.read_all(run_dir.checkpoints) for kind in ("ckpt", "json")}
    odd = {path.name for path in run_dir.checkpoints.iterdir()} ^ {"best.ckpt", "last.ckpt", *names}
    odd |= {path.name for path in folder.rglob(".*.tmp")}
    return [*(f"{name} is left over, or missing" for name in odd), *differences(all_of(alone), all_of(folder))]


def left_alone(runs: Runs, folder: Path, epochs: int, counted: bool = False) -> Ending:
    ending = runs.run(folder, epochs, counted=counted)
    assert ending.code == 0, (folder / "console.log").read_text()
    return ending


def once(runs: Runs, folder: Path, alone: Path, calls: list[int], draw: random.Random) -> list[str]:
    """A run killed at any of the calls of one that was left alone, and started again; what is wrong in the end.

    Its start, of which the calls are most, is drawn as often as each of its epochs.
    """
    at = draw.randrange(len(calls))
    instant = Instant(at - 1, draw.randrange(calls[at]), _soon(draw))
    if (code := runs.run(folder, SHORT, instant).code) not in KILLED:
        return [f"it was not killed at {instant}, but ended with code {code}"]
    wrong = faults(runs.again(folder, SHORT, draw), folder, alone)
    return [f"{instant}", *wrong] if wrong else []


def again_and_again(
    runs: Runs, folder: Path, alone: Path, calls: list[int], times: int, draw: random.Random
) -> list[str]:
    """One run killed so often, at any call of its start or of an epoch, and started again; what is wrong in the end.

    Which epoch that is is drawn from twice a fair share of those that are left; the last one is for the end.
    """
    for number in range(times):
        reached = max((each.epoch + 1 for each in manifest.read_all(RunDir(folder).checkpoints)), default=0)
        epoch = reached + draw.randint(-1, 2 * (LONG - 1 - reached) // (times + 1 - number))
        epoch = -1 if epoch < reached else min(epoch, LONG - 2)
        instant = Instant(epoch, draw.randrange(calls[0] if epoch < 0 else calls[1]), _soon(draw), last=LONG - 1)
        if (code := runs.again(folder, LONG, draw, instant).code) not in KILLED:
            return [f"it was not killed by kill {number} at {instant}, but ended with code {code}"]
    return faults(runs.again(folder, LONG, draw), folder, alone)


def _soon(draw: random.Random) -> float:
    return draw.uniform(1e-6, 2e-3)


class Dying:
    """Counts the calls of this process from the epoch of an instant on, and kills it then; or counts all."""

    def __init__(self, instant: Instant | None) -> None:
        self._instant = instant
        self._calls, self._counts = 0, [0]
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # by which the kernel ends the process, unasked
        if instant is None or instant.epoch < 0:
            sys.setprofile(self._hear)

    def at_epoch(self, epoch: int) -> None:
        self._counts.append(self._calls)
        if self._instant and epoch == self._instant.last:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._instant and epoch == self._instant.epoch:
            sys.setprofile(self._hear)

    def end(self) -> list[int]:
        sys.setprofile(None)
        if self._instant:
            os.kill(os.getpid(), signal.SIGKILL)
        self._counts.append(self._calls)
        return [later - earlier for earlier, later in pairwise(self._counts)]

    def _hear(self, frame: object, event: str, argument: object) -> None:
        if self._instant and self._calls == self._instant.calls:
            signal.setitimer(signal.ITIMER_REAL, self._instant.seconds)
        self._calls += 1


def obey(words: list[str], console: str, instant: dict[str, Any] | None, counted: bool) -> list[int]:
    dying = Dying(Instant(**instant) if instant else None) if instant or counted else None
    step = Signals.on_train_batch_start

    def at_step(callback: Any, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if dying and batch_idx == 0:
            dying.at_epoch(trainer.current_epoch)
        step(callback, trainer, module, batch, batch_idx)

    Signals.on_train_batch_start = at_step  # type: ignore[method-assign]
    code = fork_server._run_job({"arguments": words, "console": console, "environment": {}, "threads": 1})
    return [code, *(dying.end() if dying else [])]


def main() -> None:
    sys.argv = ["train.py"]
    fork_server._warm_up()
    for name in fork_server._modules():  # all, so that a run counts the same calls whenever it is forked
        fork_server._import(name)
    serve(obey)


if __name__ == "__main__":
    main()
