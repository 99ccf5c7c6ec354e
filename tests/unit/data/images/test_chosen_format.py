"""The size and the channels that the files of a folder ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.data.images.chosen_format import LARGEST_SIDE, channels_of, remarks_on, size_of
from netyard.data.images.inspection import Inspected, Inspection


@pytest.mark.parametrize(
    ("sizes", "chosen", "said"),
    [
        ([(48, 40)] * 3, [40, 48], "that of the files (data.image_size=[40,48])"),
        ([(32, 32)], 32, "trained at 32 x 32 pixels, that of the files (data.image_size=32)"),
        ([(48, 40)] * 2 + [(50, 60)], [40, 48], "that of 2 of 3 files; of 1 with other proportions"),
        ([(10, 20), (30, 40), (50, 60)], [40, 30], "the median of the files"),
        ([(800, 400)] * 2, [LARGEST_SIDE // 2, LARGEST_SIDE], "that of the files of 800 x 400, made smaller"),
        ([(48, 40), (96, 80)], [40, 48], "that of 1 of 2 files (data"),
    ],
)
def test_the_size_is_that_of_the_files(sizes: list[tuple[int, int]], chosen: int | list[int], said: str) -> None:
    size, note = size_of(sizes)
    assert size == chosen and said in note


def test_grey_files_have_one_channel() -> None:
    assert channels_of([Inspected(grey=True)] * 2)[0] == 1
    assert channels_of([Inspected(grey=True), Inspected()]) == (3, "")


def test_enlarged_and_transparent_images_are_told() -> None:
    seen = Inspection({Path("a"): Inspected((48, 40), transparent=True), Path("b"): Inspected((48, 40))}, "")
    clear, enlarged = remarks_on(seen, (224, 224))
    assert clear == "1 image with transparency, read over white"
    assert "48 x 40 are enlarged to 224 x 224, 26 times the pixels (data.image_size=[40,48]" in enlarged
    assert remarks_on(seen, (40, 48)) == [clear]
