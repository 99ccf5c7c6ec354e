"""A damaged picture in a class folder is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.errors import DataError
from support.image_folders import folder


@pytest.mark.parametrize("num_workers", [0, 1])
def test_damaged_picture_is_named(picture_folder: Path, num_workers: int) -> None:
    victim = picture_folder / "bee" / "03.png"
    victim.write_bytes(victim.read_bytes()[:60])
    data = folder(picture_folder, num_workers=num_workers)
    with pytest.raises(DataError, match=r"^\S*/bee/03.png cannot be read as an image \(.*try data\.on_damaged=skip\.$"):
        for part in ("train", "val", "test"):
            list(getattr(data, f"{part}_dataloader")())
