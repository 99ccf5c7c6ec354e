"""Picture files: opened with caution, decoded no larger than needed, cropped to a square of bytes."""

from __future__ import annotations

import math
import warnings
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


def read_square(path: Path, size: int, choose_box: BoxChooser) -> np.ndarray:
    """One picture as uint8 (size, size, 3): the box that ``choose_box(width, height)`` wants, resized.

    Raises:
        DataError: it is damaged, of a format not in FORMATS, or larger than MAX_PIXELS.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            return _read_square(path, size, choose_box)
    except DataError:
        raise
    except Exception as error:  # a decoder fed with damaged bytes may raise anything
        raise DataError(
            f"{path} is no picture that can be read ({error});",
            f"formats are {', '.join(FORMATS)};",
            "repair or delete that file.",
        ) from error


def _read_square(path: Path, size: int, choose_box: BoxChooser) -> np.ndarray:
    with Image.open(path, formats=FORMATS) as file:
        width, height = file.size
        if width * height > MAX_PIXELS:
            raise DataError(
                f"{path} has {width} x {height} pixels;",
                f"at most {MAX_PIXELS // 1_000_000} million are decoded;",
                "make it smaller or delete it.",
            )
        if file.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
        left, upper, right, lower = choose_box(width, height)
        # A JPEG decoder can leave out up to seven eighths of each side for nothing.
        enlarge = max(size / ((right - left) * width), size / ((lower - upper) * height))
        if enlarge < 1:
            file.draft(None, (math.ceil(file.width * enlarge), math.ceil(file.height * enlarge)))
        ImageOps.exif_transpose(file, in_place=True)  # without a copy, as in to_rgb
        picture = to_rgb(file)
        right, lower = min(right, 1.0), min(lower, 1.0)  # rounding
        box = (
            max(left, 0.0) * picture.width,
            max(upper, 0.0) * picture.height,
            right * picture.width,
            lower * picture.height,
        )
        return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0))


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
