"""Disks that are full, read-only, broken or gone: one message, nothing saved is lost, and no run ends for a log."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from netyard import checkpoint, manifests
from netyard.errors import PlatformError
from netyard.manifests import Hashing
from support.tensor_writers import Saver, number_of

CALLS = [(os, name) for name in ("open", "fsync", "replace", "link", "rename")]
METHODS = [(Path, name) for name in ("open", "replace", "mkdir")]


class Full:
    """Counts the calls by which a save changes the disk; from the one of number ``at`` on, each raises."""

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


def test_a_full_disk_at_every_point_of_a_save(tally, tmp_path: Path) -> None:
    times = withstood = 0
    for keep, bests in ((2, (True,)), (1, (True, False)), (2, (True, True, True))):
        newest, point = len(bests), 1
        while True:
            folder = tmp_path / f"{keep}-{bests}-{point}"
            saver = Saver(folder, keep)
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
                break
            point += 1
            times += 1
            drafts = [*folder.glob(".*.tmp")]
            after = last_and_best(folder) if manifests.known(folder) else None
            kept = after in (before, (newest, newest if bests[-1] else before and before[1]))
            saver, last = Saver(folder, keep), after[0] if after else 0
            if after:
                saver.callback.load_state_dict(checkpoint.read(folder / "last.ckpt")["callback"])
            saver.save(last + 1, best=True)
            withstood += failed and kept and not drafts and last_and_best(folder) == (last + 1, last + 1)
            shutil.rmtree(folder)
    assert times > 100
    tally("given a full disk at a point of a save", times, withstood)
