"""Frames into a GIF, read back."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netyard.plots.gif import gif, write_gif


@pytest.mark.parametrize(
    ("shape", "size"), [((20, 10, 3), (80, 160)), ((640, 320, 3), (160, 320)), ((200, 300, 3), (300, 200))]
)
def test_frames_come_back_in_order_and_at_a_size_one_can_see(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    frames = [np.full(shape, shade, np.uint8) for shade in (0, 100, 200)]
    frames[1][: shape[0] // 2] = 200
    with Image.open(BytesIO(gif(frames, milliseconds=50))) as picture:
        assert picture.size == size and picture.n_frames == 3 and picture.info["duration"] == 50
        assert picture.info["loop"] == 0
        shades = []
        for number in range(3):
            picture.seek(number)
            shades.append(np.asarray(picture.convert("L"))[-1, 0])
    assert np.abs(np.array(shades, int) - [0, 100, 200]).max() < 60 and list(shades) == sorted(shades)


def test_a_file_is_whole(tmp_path: Path) -> None:
    write_gif(b"GIF89a", tmp_path / "deep" / "one.gif")
    assert [each.name for each in (tmp_path / "deep").iterdir()] == ["one.gif"]


def test_there_must_be_a_frame() -> None:
    with pytest.raises(ValueError, match="there are no frames"):
        gif([])
