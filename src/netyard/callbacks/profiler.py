"""``debug=profile``: measures the self time of each action of a run, without that of the actions nested in it."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from pathlib import Path

from lightning.pytorch.profilers import Profiler

from netyard.io.atomic import open_atomically
from netyard.io.markdown import grid

PRINTED = 12  # rows in the log; the file has all

log = logging.getLogger(__name__)


class OwnTime(Profiler):
    """Measures the self time of Lightning's profiled actions, so that all rows add up to the time of the run.

    A profiled run uses Lightning's own training loop, whose actions have names; netyard's loop takes less time per step
    than is shown here. Lightning's simple profiler would count the time of a step again in its batch and its epoch, in
    300 rows. The table is ``profile.md`` in the run directory; its largest rows are logged after the test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.stage = ""
        self._running: list[list[float]] = []  # stack of running actions: start, and seconds of the nested actions
        self._began = time.perf_counter()

    def setup(self, stage: str, local_rank: int | None = None, log_dir: str | None = None) -> None:
        super().setup(stage, local_rank, log_dir)
        self.stage = stage

    def start(self, action_name: str) -> None:
        self._running.append([time.perf_counter(), 0.0])

    def stop(self, action_name: str) -> None:
        # Lightning's actions are properly nested, so the innermost one is the one that stops.
        began, nested = self._running.pop()
        elapsed = time.perf_counter() - began
        self.seconds[action_name] += elapsed - nested
        self.calls[action_name] += 1
        if self._running:
            self._running[-1][1] += elapsed  # is not counted again for the enclosing action

    def summary(self, most: int | None = None) -> str:
        """A Markdown table of the self times, longest first; with ``most`` only so many rows."""
        total = time.perf_counter() - self._began
        rows = sorted(self.seconds.items(), key=lambda row: -row[1])
        rows.append(("outside of all actions", total - sum(self.seconds.values())))
        shown = rows if most is None else sorted(rows, key=lambda row: -row[1])[:most]
        columns = [
            ("action (self time)", [_without_kind(name) for name, _ in shown]),
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
            file.write(f"# Self time of each action\n\n{self.summary()}\n")
        if self.stage == "test":  # the last stage of a run; Lightning calls this after each stage
            log.info("%s", self.summary(PRINTED))


def _without_kind(name: str) -> str:
    """Remove the prefix of ``[Callback]Finite.on_train_batch_end``."""
    return name.rpartition("]")[2]
