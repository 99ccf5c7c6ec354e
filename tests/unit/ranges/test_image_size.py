"""Sizes of images as one number, or as height and width."""

from __future__ import annotations

from netyard.ranges.image_size import height_and_width, shortest


def test_one_number_is_a_square_and_two_are_height_and_width() -> None:
    assert height_and_width(32) == (32, 32) and height_and_width([40, 48]) == (40, 48)
    assert shortest(32, 32) == 32 and shortest(40, 48) == [40, 48]
