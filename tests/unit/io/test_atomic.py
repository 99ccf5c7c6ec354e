"""What a save replaces goes last, and a disk that is full leaves what was there before."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest

from support import full_disk, tensor_writers


def test_old_file_is_replaced_only_after_the_new_one_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut keeps what was synced, files and names, and may lose anything else."""
    saver = tensor_writers.Saver(tmp_path, keep=1)
    saver.save(1, best=True)
    sizes: dict[int, int] = {}
    renamed: list[str] = []
    gone: list[str] = []
    calls = {name: getattr(os, name) for name in ("fsync", "replace", "unlink")}

    def fsync(descriptor: int) -> None:
        calls["fsync"](descriptor)
        about = os.fstat(descriptor)
        sizes[about.st_ino] = about.st_size
        if stat.S_ISDIR(about.st_mode):
            renamed.clear()

    def replace(source: Path, target: Path) -> None:
        if target.name.startswith("save-"):
            assert sizes.get(source.stat().st_ino) == source.stat().st_size, f"{target.name} is not on the disk"
            renamed.append(target.name)
        calls["replace"](source, target)

    def unlink(path: Path) -> None:
        if path.name.startswith("save-"):
            assert not renamed, f"the name of {renamed} may be lost"
            gone.append(path.name)
        calls["unlink"](path)

    for each in (fsync, replace, unlink):
        monkeypatch.setattr(os, each.__name__, each)
    saver.save(2, best=True)
    assert gone == ["save-00001-step-10.json", "save-00001-step-10.ckpt"]


@pytest.mark.parametrize("history", full_disk.HISTORIES, ids=str)
def test_full_disk_keeps_the_old_file(rng: random.Random, tmp_path: Path, history) -> None:
    points = rng.sample(range(1, 31), 4)
    assert all(full_disk.withstood(tmp_path / str(point), history, point) for point in points), points
