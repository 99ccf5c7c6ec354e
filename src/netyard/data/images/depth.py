"""Images with more than 8 bits per channel: their values, and the 8 bits that a range of values becomes."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
from PIL import Image, ImageOps

Range = tuple[float, float]
"""The values that become black and white."""

EIGHT = "8 bits"
_COLOURS = re.compile(r"RGBA?;16[BLN]")


def kind_of(file: Image.Image) -> str:
    """The values of an opened file that is not decoded yet: EIGHT, ``16 bits``, ``32 bits`` or ``floats``."""
    if file.mode == "F":
        return "floats"
    if file.mode.startswith("I"):
        return "16 bits" if ";16" in file.mode or any(";16" in _raw(tile) for tile in _tiles(file)) else "32 bits"
    colours = file.mode in ("RGB", "RGBA") and any(_COLOURS.fullmatch(_raw(tile)) for tile in _tiles(file))
    return "16 bits" if colours else EIGHT


def values(file: Image.Image, low: Image.Image | None = None) -> np.ndarray:
    """The upright values of an opened file of more than 8 bits: (H, W) or, with colours, (H, W, 3 or 4).

    Args:
        low: of a file with colours the same once more, after ``keep_low_bytes``.
    """
    ImageOps.exif_transpose(file, in_place=True)
    found = np.asarray(file)
    if low is not None:
        ImageOps.exif_transpose(low, in_place=True)
        found = found.astype(np.uint16) << 8 | np.asarray(low)
    return found


def keep_low_bytes(file: Any) -> None:
    """Have Pillow decode the low byte of each 16-bit colour, where it would keep the high one."""
    # It has no mode for such colours, but decoders for both orders of the bytes.
    file.tile = [tile._replace(args=_swapped(tile.args)) for tile in _tiles(file)]


def extremes(found: np.ndarray) -> Range | None:
    """The smallest and the largest value, of colours without alpha; None if all are NaN or infinite."""
    found = _colours(found)
    if found.dtype.kind == "f":
        found = found[np.isfinite(found)]
    return (found.min().item(), found.max().item()) if found.size else None


def scaled(found: np.ndarray, value_range: Range) -> Image.Image:
    """8 bits per channel: values outside the range become black or white, and NaN black."""
    low, high = value_range
    # float32 has fewer digits than an integer of 32 bits.
    precise = np.float64 if found.dtype.itemsize > 2 and found.dtype.kind != "f" else np.float32
    part = (_colours(found).astype(precise) - low) * (255 / (high - low))
    pixels = np.rint(np.nan_to_num(part, nan=0.0, posinf=255.0, neginf=0.0).clip(0, 255)).astype(np.uint8)
    if found.ndim == 3 and found.shape[2] == 4:  # alpha is of all 16 bits, whatever the range of the colours
        pixels = np.concatenate([pixels, (found[:, :, 3:] >> 8).astype(np.uint8)], axis=2)
    return Image.fromarray(pixels)


def _colours(found: np.ndarray) -> np.ndarray:
    return found if found.ndim == 2 else found[:, :, :3]


def _tiles(file: Any) -> list[Any]:
    return list(getattr(file, "tile", []))


def _raw(tile: Any) -> str:
    """The order of the bytes in the file, in Pillow's own words."""
    args = tile.args
    return str(args if isinstance(args, str) else args[0] if args else "")


def _swapped(args: Any) -> Any:
    raw = args if isinstance(args, str) else args[0]
    little = raw[-1] == "L" or (raw[-1] == "N" and sys.byteorder == "little")
    swapped = f"{raw[:-1]}{'B' if little else 'L'}"
    return swapped if isinstance(args, str) else (swapped, *args[1:])
