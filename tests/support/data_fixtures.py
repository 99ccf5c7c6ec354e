"""Small data sets of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """Three classes of twelve images, PNG and JPEG, of various sizes; the red channel shows the class."""
    for label, name in enumerate(["ape", "bee", "cat"]):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((20 + number, 30 - number, 3), (80 * label, 20 * number, 100), np.uint8)
            pixels[:, : 10 + number // 2, 2] = 255  # the left side is blue
            suffix = "png" if number % 2 else "JPG"
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number:02}.{suffix}")
    return tmp_path / "pictures"


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write
