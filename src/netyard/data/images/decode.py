"""Image files: checked when opened, decoded no larger than needed, cropped and resized to uint8 pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageOps, features

from netyard.data.images.depth import EIGHT, Range, keep_low_bytes, kind_of, scaled, values
from netyard.errors import DataError

# Few formats, of well-tested decoders: files may come from anywhere, and each decoder is a way to attack a process.
_SUFFIXES = {
    "JPEG": ".jpg .jpeg .jpe .jfif .jif .jfi .pjpeg .pjp .mpo",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "BMP": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "PPM": ".pgm .ppm .pbm .pnm .pfm",
    **({"AVIF": ".avif"} if features.check("avif") else {}),  # of Pillow since version 11.3
}
FORMATS = tuple(_SUFFIXES)
SUFFIXES = frozenset(" ".join(_SUFFIXES.values()).split())
REDUCING_GAP = 3.0  # of Pillow: an image that is made much smaller is first averaged over whole blocks of pixels
MAX_PIXELS = 50_000_000  # a small file can hold a huge image (a decompression bomb) and exhaust the memory
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 swap width and height

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""The filter by which an image is resized."""

Size = tuple[int, int]
"""Height and width."""

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge, as fractions of the width and height of the upright image."""

CROP_ATTEMPTS = 10
NUM_DRAWS = 4 * CROP_ATTEMPTS + 1
"""Random numbers for one sample: the mirror image, then area, shape and position of each attempt."""


def read_crop(
    path: Path,
    size: Size,
    choose_box: BoxChooser,
    side: int | None = None,
    value_range: Range | None = None,
    interpolation: Interpolation = "bilinear",
) -> np.ndarray:
    """Read the box ``choose_box(width, height)`` of an image file, resized: uint8 (*size, 3).

    Args:
        side: crop from the result of ``read_small``, as with a cache of images; None: from the whole image.
        value_range: the values that become black and white in images of more than 8 bits per channel; None: the upper
            8 of 16 bits, or the values as they are in an image without values above 255.

    Raises:
        DataError: the file is damaged, of a format not in FORMATS, or has more than MAX_PIXELS.
    """
    if side is not None:
        return crop(read_small(path, side, value_range), size, choose_box, interpolation)
    with open_image(path) as (file, width, height, kind):
        box = left, upper, right, lower = choose_box(width, height)
        # The scale at which the box, not the whole image, has the wanted size.
        scale = max(size[1] / ((right - left) * width), size[0] / ((lower - upper) * height))
        image = _decoded(file, scale, value_range if kind != EIGHT else None)
        return _resized(image, size, box, interpolation)


def read_small(path: Path, side: int, value_range: Range | None = None) -> Image.Image:
    """Read an image file upright and as RGB, scaled down until its shorter side is at most ``side``.

    ``value_range`` is that of ``read_crop``.

    Raises:
        DataError: see ``read_crop``.
    """
    with open_image(path) as (file, width, height, kind):
        image = _decoded(file, side / min(width, height), value_range if kind != EIGHT else None)
        shape = small_shape(width, height, side)
        if image.size == shape:
            return image
        # Bicubic: the crop is resized once more by a bilinear filter, and two of these would blur.
        return image.resize(shape, Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)


def small_shape(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height of the result of ``read_small``."""
    scale = min(side / min(width, height), 1)  # never enlarged: that adds bytes but no information
    return round(width * scale), round(height * scale)


def shape_of(path: Path) -> tuple[int, int]:
    """Width and height of an upright image, from its header alone.

    Raises:
        DataError: see ``read_crop``.
    """
    with open_image(path) as (_, width, height, _):
        return width, height


def crop(
    image: Image.Image, size: Size, choose_box: BoxChooser, interpolation: Interpolation = "bilinear"
) -> np.ndarray:
    """Crop and resize an image in memory as ``read_crop`` does a file."""
    return _resized(image, size, choose_box(image.width, image.height), interpolation)


@contextmanager
def open_image(path: Path, upright: bool = True) -> Iterator[tuple[Image.Image, int, int, str]]:
    """Open a file and read its header: the file, width and height of the upright image, and its ``depth.kind_of``.

    Args:
        upright: whether to look for an orientation, for which a PNG file has to be read to its end.

    Raises:
        DataError: for any error until the file is closed again.
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
                kind = kind_of(file)  # before the orientation is looked for, which may decode the file
                # Pillow turns a TIFF itself, and gives its upright size.
                turned = upright and file.format != "TIFF" and file.getexif().get(_ORIENTATION, 1) >= 5
                yield file, *((height, width) if turned else (width, height)), kind
    except DataError:
        raise
    except Exception as error:  # a decoder fed with damaged bytes may raise anything
        raise DataError(
            f"{path} cannot be read as an image ({error});",
            f"formats are {', '.join(FORMATS)};",
            "repair or delete that file.",
        ) from error


def deep_values(file: Image.Image) -> np.ndarray:
    """The values of an opened file of more than 8 bits per channel: see ``depth.values``."""
    if not file.mode.startswith("RGB"):
        return values(file)
    with Image.open(getattr(file, "filename", ""), formats=FORMATS) as again:
        keep_low_bytes(again)
        return values(file, again)


def _decoded(file: Image.Image, scale: float, value_range: Range | None) -> Image.Image:
    """Decode upright and as RGB; at a lower resolution if the image will be scaled by less than 1.

    ``value_range`` is None for an image of 8 bits per channel.
    """
    if value_range is not None:
        return to_rgb(scaled(deep_values(file), value_range))
    # A JPEG decoder can skip high frequencies: it decodes at 1/2, 1/4 or 1/8 of each side in a fraction of the time.
    if scale < 1:
        file.draft(None, (math.ceil(file.width * scale), math.ceil(file.height * scale)))
    ImageOps.exif_transpose(file, in_place=True)  # in place: no copy of a large image
    return to_rgb(file)


def _resized(image: Image.Image, size: Size, box: Box, interpolation: Interpolation) -> np.ndarray:
    left, upper, right, lower = box
    right, lower = min(right, 1.0), min(lower, 1.0)  # rounding of a box at the border
    pixels = (
        max(left, 0.0) * image.width,
        max(upper, 0.0) * image.height,
        right * image.width,
        lower * image.height,
    )
    resampling = Image.Resampling[interpolation.upper()]
    return np.asarray(image.resize(size[::-1], resampling, box=pixels, reducing_gap=REDUCING_GAP))


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB: 16 bits per pixel to the upper eight, transparent pixels over white."""
    if image.mode.startswith("I"):
        # Pillow would clip values above 255 to white. A 16-bit file may also contain 8-bit values, which are kept.
        wide = np.asarray(image).astype(np.int64)
        image = Image.fromarray((wide >> 8 if wide.max(initial=0) > 255 else wide).clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        # convert("RGB") would drop the alpha channel and show the arbitrary colours of invisible pixels.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


class CentreBox:
    """The largest box of the shape of ``size`` at the centre, its sides times ``ratio``; by default the central square.

    Args:
        ratio: of the sides of the box and the largest one.
        size: height and width of the result, whose proportions the box has.
    """

    def __init__(self, ratio: float, size: Size = (1, 1)) -> None:
        self.ratio, self.size = ratio, size

    def __call__(self, width: int, height: int) -> Box:
        sides = min(width, height * self.size[1] / self.size[0]), min(height, width * self.size[0] / self.size[1])
        x, y = (self.ratio * part / side / 2 for part, side in zip(sides, (width, height), strict=True))
        return 0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y


class RandomBox:
    """A box of random area, shape and position (Szegedy et al. 2014, arXiv:1409.4842).

    Args:
        scale: smallest and largest area, as a fraction of the image's.
        draws: NUM_DRAWS - 1 random numbers in [0, 1).
        size: height and width of the result; the shape of the box is at most 4/3 times as wide or tall.
    """

    def __init__(self, scale: tuple[float, float], draws: list[float], size: Size = (1, 1)) -> None:
        self.scale, self.draws, self.size = scale, draws, size

    def __call__(self, width: int, height: int) -> Box:
        for attempt in range(CROP_ATTEMPTS):
            area, shape, x, y = self.draws[4 * attempt : 4 * attempt + 4]
            pixels = width * height * (self.scale[0] + area * (self.scale[1] - self.scale[0]))
            # Log-uniform between 3/4 and 4/3, so that tall and wide boxes are equally likely.
            ratio = math.exp((2 * shape - 1) * math.log(4 / 3)) * (self.size[1] / self.size[0])
            part_x, part_y = math.sqrt(pixels * ratio) / width, math.sqrt(pixels / ratio) / height
            if part_x <= 1 and part_y <= 1:
                left, upper = x * (1 - part_x), y * (1 - part_y)
                return left, upper, left + part_x, upper + part_y
        # No attempt fits into a very long image: its central box, as torchvision's RandomResizedCrop does.
        return CentreBox(1.0, self.size)(width, height)


BoxChooser = CentreBox | RandomBox
