"""Run jobs with a launcher that has a handle per job: they are submitted together, and reported one by one."""

from __future__ import annotations

import contextlib
import sys
import time
from abc import abstractmethod
from typing import Any

from hydra.plugins.launcher import Launcher

from netyard.errors import Interrupted
from netyard.sweeps.runners.batches import Batches, first_line
from netyard.sweeps.runners.local import GRACE, Ending

POLL = 0.5  # seconds between two polls of the jobs


class Watched(Batches):
    """Submits the collected jobs once the driver has no more, and reports each job when it ends.

    A plugin's own ``launch`` waits for its jobs in order and stops at the first that crashed, while the others still
    run. So it is patched not to wait, and the handles that it would have waited for are polled here.

    Args:
        launcher: of a plugin.
        size: the most jobs submitted at once; None means all.
    """

    def __init__(self, launcher: Launcher, size: int | None) -> None:
        super().__init__(launcher, size or sys.maxsize)  # room for all, so that one submission has every job
        self._handles: dict[int, tuple[Any, float]] = {}

    @abstractmethod
    def _not_waiting(self) -> contextlib.AbstractContextManager[list[Any]]:
        """Inside, ``launch`` does not wait for the jobs; a handle for each job is appended to the list."""

    @abstractmethod
    def _ended(self, handle: Any) -> bool: ...

    @abstractmethod
    def _reason(self, handle: Any) -> str:
        """One line for an ended job that recorded no reason itself."""

    @abstractmethod
    def _cancel(self, handle: Any) -> None: ...

    @property
    def free(self) -> int:
        return super().free - len(self._handles)

    @property
    def running(self) -> list[int]:
        return [*self._waiting, *self._handles]

    def wait(self) -> list[Ending]:
        if refused := self._submit():
            return refused
        while not (endings := self._collect()):
            time.sleep(POLL)
        return endings

    def stop(self, signal_number: int) -> list[Ending]:
        """Cancel every job; its results so far are in its directory."""
        endings = [Ending(number, 1, 0.0, note="interrupted") for number in self._waiting]
        self._waiting = {}
        for handle, _ in self._handles.values():
            self._cancel(handle)
        until = time.monotonic() + 2 * GRACE
        # Cancelled jobs get SIGTERM and need time to save; a cluster that does not answer must not block Ctrl-C.
        while self._handles and time.monotonic() < until:
            endings += self._collect(stopped=True)
            time.sleep(POLL)
        return endings + [Ending(number, 1, 0.0, note="cancelled") for number in self._handles]

    def _submit(self) -> list[Ending]:
        """Submit the collected jobs; returns those that the launcher refused."""
        if not self._waiting:
            return []
        began, note = time.monotonic(), "was not started"
        with self._not_waiting() as handles:
            try:
                self.launcher.launch(list(self._waiting.values()), initial_job_idx=min(self._waiting))
            except Interrupted:
                raise
            except Exception as error:  # for example a full queue, or a cluster that is not there
                note = first_line(error)
            finally:
                # Also after an error or Ctrl-C: the launcher may have submitted some of the jobs.
                for number, handle in zip(list(self._waiting), handles, strict=False):
                    del self._waiting[number]
                    self._handles[number] = (handle, began)
        return self._all_ended(began, note)

    def _collect(self, stopped: bool = False) -> list[Ending]:
        endings = []
        for number in [number for number, (handle, _) in self._handles.items() if self._ended(handle)]:
            handle, began = self._handles.pop(number)
            note = "cancelled" if stopped else self._reason(handle)
            # A job that was interrupted, but not by us, has hit the time limit of its cluster.
            endings.append(Ending(number, 1, time.monotonic() - began, timed_out=not stopped, note=note))
        return endings
