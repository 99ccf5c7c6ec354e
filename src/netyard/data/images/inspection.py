"""A look at image files before training: which are damaged, how large they are, and which values they have."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from netyard.data.images import depth
from netyard.data.images.decode import FORMATS, deep_values, open_image
from netyard.errors import DataError

MAX_DECODED = 400_000_000  # bytes of all files that are decoded; of more, only headers and ends are looked at
MAX_OPENED = 100_000  # files
NUM_VALUES = 1000  # files whose values are measured, if not all are decoded
_END = 4096
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True)
class Inspected:
    """What was seen of a file."""

    size: tuple[int, int] = (0, 0)
    """Width and height, upright."""
    kind: str = depth.EIGHT
    """See ``depth.kind_of``."""
    values: depth.Range | None = None
    """The smallest and the largest one, of an image of more than 8 bits that was decoded."""
    grey: bool = False
    """Whether all colours are grey; of a file that was not decoded, by its mode alone."""
    transparent: bool = False
    """Whether it has an alpha channel or a transparent colour."""
    several: bool = False
    """Whether there are more images in the file than the one that is read."""
    damage: DataError | None = None


@dataclass(frozen=True)
class Inspection:
    """What was seen of all files, or of some of them if there are too many."""

    files: dict[Path, Inspected]
    note: str
    """How closely they were looked at."""

    @property
    def damaged(self) -> dict[Path, DataError]:
        return {path: each.damage for path, each in self.files.items() if each.damage is not None}

    @property
    def intact(self) -> list[Inspected]:
        """The files that can be read."""
        return [each for each in self.files.values() if each.damage is None]

    @property
    def several(self) -> int:
        """The number of files with more images than the one that is read."""
        return sum(each.several for each in self.files.values())

    def refusal(self) -> DataError:
        """The error for damaged files, which names the first."""
        damaged = self.damaged
        first = str(next(iter(damaged.values()))).partition(";")[0]
        more = f", and {len(damaged) - 1:,} more images cannot be read" * (len(damaged) > 1)
        return DataError(
            f"{first}{more};",
            f"every image of every split must be readable; formats are {', '.join(FORMATS)};",
            "repair or delete them, or try data.on_damaged=skip.",
        )

    def describe(self, value_range: depth.Range | None, given: bool) -> dict[str, Any]:
        """``sizes``, ``depth`` and ``remarks`` of the summary of the data."""
        seen = self.intact
        if not seen:
            return {}
        sizes = sorted((each.size for each in seen), key=lambda size: size[0] * size[1])
        kinds = Counter(each.kind for each in seen)
        smallest, largest = (f"{width} x {height}" for width, height in (sizes[0], sizes[-1]))
        remarks = [f"images of {smallest}{f' to {largest}' * (smallest != largest)} pixels"]
        if value_range is not None:
            deep = ", ".join(f"{count:,} of {kind}" for kind, count in kinds.items() if kind != depth.EIGHT)
            origin = "data.range" if given else "measured; data.range=[LOW,HIGH] changes it"
            remarks.append(f"{deep}, black is {value_range[0]:g}, white {value_range[1]:g} ({origin})")
        return {
            "sizes": {
                name: list(sizes[place])
                for name, place in (("smallest", 0), ("median", len(sizes) // 2), ("largest", -1))
            },
            "depth": {"images": dict(kinds), "range": list(value_range) if value_range else None},
            "inspection": self.note,
            "remarks": remarks,
        }


def inspect(paths: Sequence[Path], threads: int = 1, closely: bool = True) -> Inspection:
    """Decode every file if they are small together; of many files look at headers and ends, or at a sample of them.

    Args:
        closely: whether to decode files at all, apart from up to ``NUM_VALUES`` of more than 8 bits per channel.
    """
    size = sum(path.stat().st_size for path in paths)
    whole, note = closely and size <= MAX_DECODED, "every image was decoded"
    if len(paths) > MAX_OPENED:
        paths = paths[:: -(-len(paths) // NUM_VALUES)]
        whole, note = True, f"{len(paths):,} of the images were decoded: damage in others is met in training"
    elif not whole:
        note = "headers and ends of all images were looked at: other damage is met in training"
    # Filters of warnings are those of the process, and threads would restore them in any order: once, around them.
    with warnings.catch_warnings(), ThreadPoolExecutor(max(threads, 1)) as pool:
        warnings.simplefilter("ignore")
        found = dict(zip(paths, pool.map(partial(inspect_file, decode=whole), paths), strict=True))
        deep = [path for path, each in found.items() if each.kind != depth.EIGHT and each.values is None]
        deep = [path for path in deep[:: -(-len(deep) // NUM_VALUES) or 1] if found[path].damage is None]
        found.update(zip(deep, pool.map(partial(inspect_file, decode=True), deep), strict=True))
    return Inspection(found, note)


def inspect_file(path: Path, decode: bool) -> Inspected:
    """Look at one file; not decoded, only if its end is missing it is taken for damaged."""
    size, kind, values, several, grey, transparent = (0, 0), depth.EIGHT, None, False, False, False
    try:
        with open_image(path, upright=decode) as (file, width, height, kind):
            size = width, height
            # A JPEG with a second image (MPO) has a preview or a depth map there.
            several = file.format in ("GIF", "TIFF", "WEBP", "PNG") and bool(getattr(file, "is_animated", False))
            transparent = file.mode in _WITH_ALPHA or "transparency" in file.info
            if decode or not _ends(path, file.format or ""):
                values = _decode(file, kind, path)
            grey = _is_grey(file, decode)
    except DataError as error:
        return Inspected(size, kind, damage=error)
    return Inspected(size, kind, values, grey, transparent, several)


def _decode(file: Image.Image, kind: str, path: Path) -> depth.Range | None:
    if kind == depth.EIGHT:
        # At an eighth of the size a JPEG is read to its end, too, in a fraction of the time.
        file.draft(None, (1, 1))
        file.load()
        return None
    found = depth.extremes(deep_values(file))
    if found is None:
        raise DataError(
            f"{path} has no finite value;", "an image has numbers as values;", "repair or delete that file."
        )
    return found


def _is_grey(file: Image.Image, decoded: bool) -> bool:
    if file.mode in ("1", "L", "LA", "La", "F") or file.mode.startswith("I"):
        return True
    if not decoded:
        return False
    # Scanners and programs save grey images as RGB, too. An eighth of a JPEG is enough to see it.
    colours = np.asarray(file if file.mode in ("RGB", "RGBA") else file.convert("RGB"))[..., :3]
    return colours.dtype == np.uint8 and bool((colours == colours[..., :1]).all())


def _ends(path: Path, kind: str) -> bool:
    """Whether the file has the end of its format, as far as it is known: a file that was cut has none."""
    ends = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        if kind in ("WEBP", "BMP"):  # they have their length in the header
            head = file.read(8)
            start = 2 if kind == "BMP" else 4
            return int.from_bytes(head[start : start + 4], "little") <= length
        file.seek(max(length - _END, 0))
        end = file.read()
    return end.rstrip(b"\0").endswith(b";") if kind == "GIF" else ends.get(kind, b"") in end
