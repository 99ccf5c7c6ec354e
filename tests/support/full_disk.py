"""Simulates a disk that becomes full at a given point of a save, and checks the files afterwards."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from netyard.errors import PlatformError
from netyard.run_directories import manifest
from netyard.run_directories.manifest import Hashing
from netyard.training import checkpoint
from support.tensor_writers import Saver, number_of

HISTORIES = [(2, (True,)), (1, (True, False)), (2, (True, True, True))]
"""How many saves stay, and which of the saves so far were the best; the disk is full during the last one."""
CALLS = [(os, name) for name in ("open", "fsync", "replace", "link", "rename")]
METHODS = [(Path, name) for name in ("open", "replace", "mkdir")]


class Full:
    """Counts the calls of a save that change the disk; from number ``at`` on, each raises an error."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.count, self.at = 0, at
        for owner, name in [*CALLS, *METHODS]:  # and not unlink, which a full disk allows
            patch.setattr(owner, name, self._counting(getattr(owner, name)))
        patch.setattr(Hashing, "write", self._counting(Hashing.write))

    def _counting(self, call: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            how = kwargs.get("mode", [*args, "r"][1])
            if call.__name__ == "open" and how in ("r", "rb", os.O_RDONLY):
                return call(*args, **kwargs)
            self.count += 1
            if self.count >= self.at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **kwargs)

        return counted


def last_and_best(folder: Path) -> tuple[int, int]:
    return number_of(folder, "last"), number_of(folder, "best")


def withstood(folder: Path, history: tuple[int, tuple[bool, ...]], point: int) -> bool | None:
    """Return whether a run is valid and resumable after the disk became full at a point; None beyond the last point."""
    keep, bests = history
    newest, saver = len(bests), Saver(folder, keep)
    for number, best in enumerate(bests[:-1], start=1):
        saver.save(number, best)
    before = last_and_best(folder) if newest > 1 else None
    with pytest.MonkeyPatch.context() as patch:
        full = Full(patch, point)
        try:
            saver.save(newest, bests[-1])
            failed = False
        except PlatformError as error:
            failed = "No space left on device" in str(error)
    if full.count < point:
        return None
    drafts = [*folder.glob(".*.tmp")]
    after = last_and_best(folder) if manifest.read_all(folder) else None
    kept = after in (before, (newest, newest if bests[-1] else before and before[1]))
    saver, last = Saver(folder, keep), after[0] if after else 0
    if after:
        saver.callback.load_state_dict(checkpoint.read(folder / "last.ckpt")["callback"])
    saver.save(last + 1, best=True)
    return failed and kept and not drafts and last_and_best(folder) == (last + 1, last + 1)
