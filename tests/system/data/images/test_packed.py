"""A folder's pictures, made small once: by any number of workers, and whole after a kill or not there."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from netyard.data.images import packed
from netyard.errors import DataError
from support.packed_folder import equal, files, fitting, folder, write_photos
from support.waiting import PATIENCE


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


def test_the_number_of_workers_changes_no_bit(photos: Path, tmp_path: Path) -> None:
    before = {*multiprocessing.active_children()}  # of tests before, until they are collected
    none, two = (fitting(photos, tmp_path / f"by{count}", num_workers=count) for count in (0, 2))
    assert files(tmp_path / "by0") == files(tmp_path / "by2")
    (one,), (other,) = ([*(tmp_path / name).glob("*.pictures")] for name in ("by0", "by2"))
    assert one.read_bytes() == other.read_bytes()
    assert {*multiprocessing.active_children()} <= before
    assert equal(none, two)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_flipped_bit_of_a_picture_is_named(photos: Path, tmp_path: Path, num_workers: int) -> None:
    data = fitting(photos, tmp_path / "cache", num_workers=num_workers)
    (path,) = (tmp_path / "cache").glob("*.pictures")
    content = bytearray(path.read_bytes())
    content[5000] ^= 64
    path.write_bytes(content)
    loader = data.train_dataloader()
    with pytest.raises(DataError, match=r"image 0 of .*\.pictures is damaged; .* delete that file, and the next run"):
        list(loader)
    loader.close()


def die(photos: Path, cache: Path) -> None:
    """Killed at the twentieth picture, when the first sixteen are written."""
    read, left = packed.read_small, iter(range(20, -1, -1))

    def reads(*args: Any) -> Any:
        return read(*args) if next(left) else os.kill(os.getpid(), signal.SIGKILL)

    packed.read_small = reads
    fitting(photos, cache)


def test_a_kill_leaves_nothing_that_counts(photos: Path, tmp_path: Path, caplog: Any) -> None:
    process = multiprocessing.get_context("fork").Process(target=die, args=(photos, tmp_path / "cache"))
    process.start()
    process.join(PATIENCE)
    process.kill()
    assert process.exitcode == -signal.SIGKILL
    (draft,) = files(tmp_path / "cache")
    assert draft.endswith(".tmp") and (tmp_path / "cache" / draft).stat().st_size > 10_000
    (photos / "bee" / "3.jpg").unlink()  # so that another cache is to be made, and not the one that was begun
    data = fitting(photos, tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 1 and equal(data, folder(photos, tmp_path / "nowhere"))
