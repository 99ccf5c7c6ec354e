"""The IDX format of the MNIST family: big-endian header, then unsigned bytes; plain or under gzip."""

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

_MOST_OF_GZIP = 1032  # bytes that one packed byte may stand for
_CHUNK = 1 << 20


def read_idx(path: Path) -> Tensor:
    """The array of a file: uint8, in the shape that its header gives. It is in memory once, however it is packed.

    Raises:
        DataError: it is no IDX file of unsigned bytes, or shorter or longer than its header says.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            return _array(path, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _broken(path, f"is a damaged gzip file ({error})") from error


def _array(path: Path, file: BufferedIOBase) -> Tensor:
    start = file.read(4)
    num_axes = start[3] if len(start) == 4 else 0
    sizes = file.read(4 * num_axes)
    if start[:3] != b"\x00\x00\x08" or not 1 <= num_axes <= 4 or len(sizes) < 4 * num_axes:
        raise _broken(path, f"starts with {start.hex() or 'nothing'}")
    shape = struct.unpack(f">{num_axes}I", sizes)
    expected, read = math.prod(shape), 0
    if not expected:
        raise _broken(path, "is empty")
    if expected > _MOST_OF_GZIP * path.stat().st_size:
        raise _broken(path, f"is too short for the {expected} bytes of data that its header says")
    array = torch.empty(expected, dtype=torch.uint8)
    target = memoryview(array.numpy())
    while read <= expected and (chunk := file.read(_CHUNK)):
        target[read : read + len(chunk)] = chunk[: expected - read]
        read += len(chunk)
    if read != expected:
        found = read if read < expected else f"more than {expected}"
        raise _broken(path, f"holds {found} bytes of data where its header says {expected}")
    return array.view(shape)


def find_idx(folders: list[Path], stem: str) -> Path | None:
    """The first of ``folders`` that holds ``stem`` or ``stem.gz``."""
    candidates = (folder / f"{stem}{suffix}" for folder in folders for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _broken(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} {what};",
        "an IDX file of unsigned bytes starts with 000008 and is as long as its header says;",
        "delete it and fetch it again.",
    )
