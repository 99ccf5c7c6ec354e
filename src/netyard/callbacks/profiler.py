"""``debug=profile``: the time of each action of a run without that of the actions inside it."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from pathlib import Path

from lightning.pytorch.profilers import Profiler

from netyard.io.atomic import open_atomically
from netyard.io.markdown import grid

PRINTED = 12

log = logging.getLogger(__name__)


class OwnTime(Profiler):
    """Lightning's actions with the time that each took for itself, so that the shares add up to the run.

    A profiled run has Lightning's own loop, whose actions have names; without, a step costs less than it says here.
    Lightning's simple profiler counts a step's time again in its batch and its epoch, in three hundred rows. The table
    is ``profile.md`` in the run's directory; its largest rows are printed after the test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.stage = ""
        self._open: list[list[float]] = []  # stack of running actions: start, and seconds of the actions inside
        self._began = time.perf_counter()

    def setup(self, stage: str, local_rank: int | None = None, log_dir: str | None = None) -> None:
        super().setup(stage, local_rank, log_dir)
        self.stage = stage

    def start(self, action_name: str) -> None:
        self._open.append([time.perf_counter(), 0.0])

    def stop(self, action_name: str) -> None:
        began, parts = self._open.pop()
        took = time.perf_counter() - began
        self.seconds[action_name] += took - parts
        self.calls[action_name] += 1
        if self._open:
            self._open[-1][1] += took

    def summary(self, most: int | None = None) -> str:
        total = time.perf_counter() - self._began
        rows = sorted(self.seconds.items(), key=lambda row: -row[1])
        rows.append(("between these", total - sum(self.seconds.values())))
        shown = rows if most is None else sorted(rows, key=lambda row: -row[1])[:most]
        columns = [
            ("what took time for itself", [_plain(name) for name, _ in shown]),
            ("calls", [f"{self.calls.get(name, 1):,}" for name, _ in shown]),
            ("seconds", [f"{seconds:.4f}" for _, seconds in shown]),
            ("%", [f"{100 * seconds / total:.1f}" for _, seconds in shown]),
        ]
        return grid(columns)

    def describe(self) -> None:
        if self.local_rank or self.dirpath is None:
            return
        path = Path(self.dirpath) / "profile.md"
        with open_atomically(path) as file:
            file.write(f"# Where the time went\n\n{self.summary()}\n")
        if self.stage == "test":  # the last thing a run does
            log.info("%s", self.summary(PRINTED))


def _plain(name: str) -> str:
    """``[Callback]Finite.on_train_batch_end`` without its kind."""
    return name.rpartition("]")[2]
