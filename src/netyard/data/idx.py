"""The IDX format of the MNIST family: big-endian header, then unsigned bytes; plain or under gzip."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from netyard.errors import DataError


def read_idx(path: Path) -> Tensor:
    """The array of a file: uint8, in the shape that its header gives.

    Raises:
        DataError: it is no IDX file of unsigned bytes, or shorter or longer than its header says.
    """
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _broken(path, f"is a damaged gzip file ({error})") from error
    num_axes = raw[3] if len(raw) > 3 else 0
    if raw[:3] != b"\x00\x00\x08" or not 1 <= num_axes <= 4 or len(raw) < 4 + 4 * num_axes:
        raise _broken(path, f"starts with {raw[:4].hex() or 'nothing'}")
    shape = struct.unpack_from(f">{num_axes}I", raw, 4)
    start, expected = 4 + 4 * num_axes, math.prod(shape)
    if len(raw) - start != expected:
        raise _broken(path, f"holds {len(raw) - start} bytes of data where its header says {expected}")
    if not expected:
        raise _broken(path, "is empty")
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8, offset=start).view(shape)


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
