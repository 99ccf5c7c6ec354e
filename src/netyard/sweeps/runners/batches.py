"""Run jobs with any launcher of Hydra (basic, joblib, ...), in batches; results are read from their directories."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from hydra.plugins.launcher import Launcher

from netyard.config.overrides import override
from netyard.errors import Interrupted
from netyard.sweeps.runners.local import Ending


class Batches:
    """Collects jobs until there are ``size`` of them, or the search has no more, and waits for the whole batch."""

    def __init__(self, launcher: Launcher, size: int | None) -> None:
        self.launcher, self.size = launcher, size
        self._waiting: dict[int, list[str]] = {}

    @property
    def free(self) -> int:
        # Without a size there is always room: the driver then collects every job into one batch.
        return 1 if self.size is None else self.size - len(self._waiting)

    @property
    def running(self) -> list[int]:
        return list(self._waiting)

    def start(self, number: int, overrides: Sequence[str], folder: Path, resumed: bool) -> None:
        # A launcher of Hydra composes the job itself, so that its directory is given as sweep.dir and sweep.subdir.
        where = [override("hydra.sweep.dir", folder.parent), f"hydra.sweep.subdir={folder.name}"]
        self._waiting[number] = [*overrides, *where, *([override("resume", folder)] if resumed else [])]

    def wait(self) -> list[Ending]:
        began, note = time.monotonic(), "ended without results"
        try:
            self.launcher.launch(list(self._waiting.values()), initial_job_idx=min(self._waiting))
        except SystemExit:  # the basic launcher runs jobs in this process, and one was stopped by Ctrl-C
            raise KeyboardInterrupt from None
        except Interrupted:  # raised by the driver's own signal handler
            raise
        # Some launchers raise the error of one job and stop there. The results of each job are in its directory.
        except Exception as error:
            note = first_line(error)
        return self._all_ended(began, note)

    def stop(self, signal_number: int) -> list[Ending]:
        """The launcher was interrupted too; its jobs' results so far are in their directories."""
        return self._all_ended(time.monotonic(), "interrupted")

    def close(self) -> None:
        """Nothing to release."""

    def _all_ended(self, began: float, note: str) -> list[Ending]:
        numbers, self._waiting = list(self._waiting), {}
        # The exit codes are unknown here; outcome.settle reads status.json, and uses the note if there is none.
        return [Ending(number, 1, time.monotonic() - began, note=note) for number in numbers]


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or repr(error)
