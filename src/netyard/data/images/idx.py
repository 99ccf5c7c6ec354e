"""The IDX format of the MNIST family: a big-endian header, then unsigned bytes; plain or compressed by gzip."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor

from netyard.errors import DataError

_MAX_GZIP_RATIO = 1032  # DEFLATE compresses no better: 258 bytes in two bits
_CHUNK = 1 << 20


def read_idx(path: Path) -> Tensor:
    """Read the array of a file: uint8, in the shape given by its header.

    Raises:
        DataError: it is not an IDX file of unsigned bytes, or is shorter or longer than its header says.
    """
    with path.open("rb") as file:
        # By content: a browser that unpacks a download may leave the suffix .gz, or the other way round.
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            return _array(path, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _invalid(path, f"is a damaged gzip file ({error})") from error


def _array(path: Path, file: BufferedIOBase) -> Tensor:
    # Header: two zero bytes, the type (08: unsigned byte), the number of axes, then the length of each axis as uint32.
    start = file.read(4)
    num_axes = start[3] if len(start) == 4 else 0
    sizes = file.read(4 * num_axes)
    if start[:3] != b"\x00\x00\x08" or not 1 <= num_axes <= 4 or len(sizes) < 4 * num_axes:
        raise _invalid(path, f"starts with {start.hex() or 'nothing'}")
    shape = struct.unpack(f">{num_axes}I", sizes)
    expected, read = math.prod(shape), 0
    if not expected:
        raise _invalid(path, "is empty")
    # Before anything is allocated: a damaged header may announce terabytes.
    if expected > _MAX_GZIP_RATIO * path.stat().st_size:
        raise _invalid(path, f"is too short for the {expected} bytes of data that its header says")
    array = torch.empty(expected, dtype=torch.uint8)
    # Chunks are written into the array, so that the data are in memory once.
    target = memoryview(array.numpy())
    # One byte too many is enough to stop: the rest of a file that is too long is not read.
    while read <= expected and (chunk := file.read(_CHUNK)):
        target[read : read + len(chunk)] = chunk[: expected - read]
        read += len(chunk)
    if read != expected:
        found = read if read < expected else f"more than {expected}"
        raise _invalid(path, f"has {found} bytes of data, its header says {expected}")
    return array.view(shape)


def find_idx(folders: list[Path], stem: str) -> Path | None:
    """The path of ``stem`` or ``stem.gz`` in the first of ``folders`` that contains one; None if there is none."""
    candidates = (folder / f"{stem}{suffix}" for folder in folders for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _invalid(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} {what};",
        "an IDX file of unsigned bytes starts with 000008 and is as long as its header says;",
        "delete it and download it again.",
    )
