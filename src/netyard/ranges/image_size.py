"""The size of images: one number for squares, or height and width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from netyard.ranges.bounds import Count, Length

ImageSize: TypeAlias = Count | Annotated[list[Count], Length(2, 2)]


def height_and_width(image_size: int | Sequence[int]) -> tuple[int, int]:
    """``32 -> (32, 32)``, ``[40, 48] -> (40, 48)``."""
    height, width = [image_size] * 2 if isinstance(image_size, int) else image_size
    return int(height), int(width)


def shortest(height: int, width: int) -> int | list[int]:
    """The inverse: one number for a square, else both."""
    return height if height == width else [height, width]
