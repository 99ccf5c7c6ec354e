"""Jobs on any launcher of Hydra's (basic, joblib, ...): submitted in batches, settled by their directories."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from hydra.plugins.launcher import Launcher

from netyard.config.overrides import override
from netyard.errors import Interrupted
from netyard.sweeps.runners.local import Ending


class Batches:
    """Collects jobs until there are ``size`` of them or no more, and waits for the whole batch."""

    def __init__(self, launcher: Launcher, size: int | None) -> None:
        self.launcher, self.size = launcher, size
        self._waiting: dict[int, list[str]] = {}

    @property
    def free(self) -> int:
        return 1 if self.size is None else self.size - len(self._waiting)

    @property
    def running(self) -> list[int]:
        return list(self._waiting)

    def start(self, number: int, overrides: Sequence[str], folder: Path, resumed: bool) -> None:
        where = [override("hydra.sweep.dir", folder.parent), f"hydra.sweep.subdir={folder.name}"]
        self._waiting[number] = [*overrides, *where, *([override("resume", folder)] if resumed else [])]

    def wait(self) -> list[Ending]:
        began, note = time.monotonic(), "ended without results"
        try:
            self.launcher.launch(list(self._waiting.values()), initial_job_idx=min(self._waiting))
        except SystemExit:  # from a job in this process that Ctrl-C has stopped
            raise KeyboardInterrupt from None
        except Interrupted:  # raised by the driver's own signal handler
            raise
        except Exception as error:  # some launchers raise the error of one job; the directories show how each ended
            note = first_line(error)
        return self._all_ended(began, note)

    def stop(self, signal_number: int) -> list[Ending]:
        """The launcher was interrupted too; its jobs' results so far are in their directories."""
        return self._all_ended(time.monotonic(), "interrupted")

    def close(self) -> None:
        """Nothing to release."""

    def _all_ended(self, began: float, note: str) -> list[Ending]:
        numbers, self._waiting = list(self._waiting), {}
        return [Ending(number, 1, time.monotonic() - began, note=note) for number in numbers]


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or repr(error)
