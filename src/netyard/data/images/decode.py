"""Image files: checked when opened, decoded no larger than needed, cropped to a square of bytes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from netyard.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"))
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 swap width and height

Box = tuple[float, float, float, float]
"""Left, upper, right, lower, as fractions of the width and height of the picture as it is looked at."""

CROP_ATTEMPTS = 10
NUM_DRAWS = 4 * CROP_ATTEMPTS + 1


def read_square(path: Path, size: int, choose_box: BoxChooser, side: int | None = None) -> np.ndarray:
    """One picture as uint8 (size, size, 3): the box chosen by ``choose_box(width, height)``, resized.

    Args:
        side: it is cut from what ``read_small`` makes of the file, as if that were the picture.

    Raises:
        DataError: it is damaged, of a format not in FORMATS, or larger than MAX_PIXELS.
    """
    if side is not None:
        return square(read_small(path, side), size, choose_box)
    with _opened(path) as (file, width, height):
        box = left, upper, right, lower = choose_box(width, height)
        picture = _decoded(file, max(size / ((right - left) * width), size / ((lower - upper) * height)))
        return _resized(picture, size, box)


def read_small(path: Path, side: int) -> Image.Image:
    """One picture, RGB, upright, with its shorter side made ``side`` where it is longer than that.

    Raises:
        DataError: see ``read_square``.
    """
    with _opened(path) as (file, width, height):
        picture = _decoded(file, side / min(width, height))
        shape = small_shape(width, height, side)
        if picture.size == shape:
            return picture
        # A bilinear filter before the one that resizes the box would blur.
        return picture.resize(shape, Image.Resampling.BICUBIC, reducing_gap=3.0)


def small_shape(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height of what ``read_small`` makes of a picture."""
    scale = min(side / min(width, height), 1)
    return round(width * scale), round(height * scale)


def shape_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is looked at, by its header.

    Raises:
        DataError: see ``read_square``.
    """
    with _opened(path) as (_, width, height):
        return width, height


def square(picture: Image.Image, size: int, choose_box: BoxChooser) -> np.ndarray:
    """The box of a picture in memory that is wanted, as ``read_square`` cuts it from a file."""
    return _resized(picture, size, choose_box(picture.width, picture.height))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, int, int]]:
    """A file whose header was read, with the width and height that it is looked at with.

    Raises:
        DataError: of whatever goes wrong until it is closed again.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(path, formats=FORMATS) as file:
                width, height = file.size
                if width * height > MAX_PIXELS:
                    raise DataError(
                        f"{path} has {width} x {height} pixels;",
                        f"at most {MAX_PIXELS // 1_000_000} million are decoded;",
                        "make it smaller or delete it.",
                    )
                turned = file.getexif().get(_ORIENTATION, 1) >= 5
                yield file, *((height, width) if turned else (width, height))
    except DataError:
        raise
    except Exception as error:  # a decoder fed with damaged bytes may raise anything
        raise DataError(
            f"{path} is no picture that can be read ({error});",
            f"formats are {', '.join(FORMATS)};",
            "repair or delete that file.",
        ) from error


def _decoded(file: Image.Image, enlarge: float) -> Image.Image:
    """Upright and RGB; smaller than it is, if it will be enlarged by less than 1."""
    # A JPEG decoder can leave out up to seven eighths of each side for nothing.
    if enlarge < 1:
        file.draft(None, (math.ceil(file.width * enlarge), math.ceil(file.height * enlarge)))
    ImageOps.exif_transpose(file, in_place=True)  # without a copy, as in to_rgb
    return to_rgb(file)


def _resized(picture: Image.Image, size: int, box: Box) -> np.ndarray:
    left, upper, right, lower = box
    right, lower = min(right, 1.0), min(lower, 1.0)  # rounding
    pixels = (
        max(left, 0.0) * picture.width,
        max(upper, 0.0) * picture.height,
        right * picture.width,
        lower * picture.height,
    )
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=pixels, reducing_gap=3.0))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any mode to RGB: 16 bits keep their upper eight, what is transparent lies on white."""
    if picture.mode.startswith("I"):
        wide = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray((wide >> 8 if wide.max(initial=0) > 255 else wide).clip(0, 255).astype(np.uint8))
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


class CentreBox:
    """The central square whose side is ``ratio`` of the shorter side."""

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio

    def __call__(self, width: int, height: int) -> Box:
        x, y = (self.ratio * min(width, height) / side / 2 for side in (width, height))
        return 0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y


class RandomBox:
    """A box of random area and shape from given uniform draws (Szegedy et al. 2014, arXiv:1409.4842).

    Args:
        scale: smallest and largest area, as a fraction of the picture's.
        draws: NUM_DRAWS - 1 numbers in [0, 1).
    """

    def __init__(self, scale: tuple[float, float], draws: list[float]) -> None:
        self.scale, self.draws = scale, draws

    def __call__(self, width: int, height: int) -> Box:
        for attempt in range(CROP_ATTEMPTS):
            area, shape, x, y = self.draws[4 * attempt : 4 * attempt + 4]
            pixels = width * height * (self.scale[0] + area * (self.scale[1] - self.scale[0]))
            ratio = math.exp((2 * shape - 1) * math.log(4 / 3))
            part_x, part_y = math.sqrt(pixels * ratio) / width, math.sqrt(pixels / ratio) / height
            if part_x <= 1 and part_y <= 1:
                left, upper = x * (1 - part_x), y * (1 - part_y)
                return left, upper, left + part_x, upper + part_y
        return CentreBox(1.0)(width, height)


BoxChooser = CentreBox | RandomBox
