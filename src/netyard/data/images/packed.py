"""A cache file of decoded, downscaled images, named by a fingerprint of its source files.

Format: the pixels of each, uint8 (H, W, 3); a table of heights, widths and CRCs, uint32 (N, 3); their number, a hash.
Decision 51 has the reasons.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import struct
import time
import weakref
import zlib
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from PIL import Image

from netyard.data.core.loaders import Batch, WorkerLoader
from netyard.data.core.orders import EvalOrder
from netyard.data.images.decode import read_small, shape_of, small_shape
from netyard.errors import DataError, PlatformError
from netyard.io.atomic import delete_stale_temporaries, open_atomically
from netyard.io.fingerprint import fingerprint
from netyard.io.readable import short_path

log = logging.getLogger(__name__)

SUFFIX = ".pictures"
_FORMAT = 1  # increase it too if the same files give other pixels
_COLUMNS = 3
_END = struct.Struct("<Q32s")  # how many pictures, and the SHA-256 of the file's name and the table
_TOGETHER = 16  # pictures that a worker sends at once
_LOOKED_AT = 1000  # images whose sizes are read to estimate the size of the file
_PATIENCE = 60.0  # seconds between two lines of the log
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PLACE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@dataclass(frozen=True)
class Cache:
    """The file of some pictures, whether it is there or not."""

    path: Path
    side: int
    """Of a picture, the shorter one, in pixels; a smaller picture is as it was."""


def cache_of(pictures: Sequence[Path], side: int, folder: Path) -> Cache:
    """The cache of these files in a folder; a change of any name, size or time gives another cache."""
    here = Path.cwd()
    stats = [path.stat() for path in pictures]
    key = fingerprint(
        format=_FORMAT,
        side=side,
        names="\0".join(str(here / path) for path in pictures),
        stats=torch.tensor([(each.st_size, each.st_mtime_ns) for each in stats]),
    )
    return Cache(folder / f"{side}-{key}{SUFFIX}", side)


class Packed:
    """A cache file, read a picture at a time, by any process; a fork shares its table and nothing else is in memory.

    Raises:
        ValueError: it is incomplete, by its length and the hash of its table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        file = path.open("rb", buffering=0)
        weakref.finalize(self, file.close)
        self._file = file.fileno()
        self.num_bytes = os.fstat(self._file).st_size
        end = os.pread(self._file, _END.size, max(self.num_bytes - _END.size, 0))
        if len(end) < _END.size:
            raise ValueError("it is cut off")
        count, digest = _END.unpack(end)
        length = 4 * _COLUMNS * count
        start = self.num_bytes - _END.size - length
        table = os.pread(self._file, length, start) if start > 0 else b""
        if _digest(path, table) != digest:
            raise ValueError("its end is not what was written there")
        self._table = np.frombuffer(table, "<u4").reshape(-1, _COLUMNS)
        sizes = self._table[:, 0].astype(np.int64) * self._table[:, 1] * 3
        self._starts = np.concatenate([[0], sizes.cumsum()])
        if self._starts[-1] + length + _END.size != self.num_bytes:
            raise ValueError("it has another length than its table says")

    def __len__(self) -> int:
        return len(self._table)

    def __reduce__(self) -> tuple[type[Packed], tuple[Path]]:
        return Packed, (self.path,)

    def read(self, number: int) -> Image.Image:
        """A picture, RGB, in the order that the cache was made in.

        Raises:
            DataError: it is not what was written.
        """
        height, width, crc = self._table[number].tolist()
        start, length = int(self._starts[number]), height * width * 3
        reason = ""
        try:
            pixels = os.pread(self._file, length, start)
        except OSError as error:
            pixels, reason = b"", f" ({error.strerror})"
        if len(pixels) != length or zlib.crc32(pixels) != crc:
            raise DataError(
                f"picture {number} of {self.path} is not what was written there{reason};",
                "the pictures in a cache are as they were made once, which the sum of each tells;",
                "delete that file, and the next run makes it anew.",
            )
        return Image.frombytes("RGB", (width, height), pixels)


def opened(path: Path) -> Packed | None:
    """None where there is no such cache; a broken one is named in the log."""
    try:
        return Packed(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s is no whole cache of pictures (%s)", short_path(path), error)
        return None


def make(cache: Cache, pictures: Sequence[Path], num_workers: int) -> None:
    """Write a cache where there is none; of several processes that ask at once the first does, and the others wait.

    Raises:
        DataError: a picture that cannot be read.
        PlatformError: there is no room, or nothing can be written; nothing is left there.
    """
    folder = cache.path.parent
    packed = opened(cache.path)
    try:
        with ExitStack() as stack:
            if packed is None:
                folder.mkdir(parents=True, exist_ok=True)
                _wait_for(FileLock(folder / f".{cache.path.name}.lock"), cache, stack)
                with suppress(OSError, ValueError):  # another process may have made it while this one waited
                    packed = Packed(cache.path)
            if packed is None:
                delete_stale_temporaries(folder, f"*{SUFFIX}")
                _write(cache, pictures, num_workers)
                packed = Packed(cache.path)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_room(cache, _estimated_bytes(pictures, cache.side), error.strerror or "") from error
        if error.errno in _NO_PLACE:
            raise PlatformError(
                f"no cache of pictures can be written to {folder}: {error.strerror};",
                "data.cache is a folder of yours, which need not be there yet;",
                "try data.cache=FOLDER elsewhere, or data.cache=null.",
            ) from error
        raise
    log.info("pictures from %s, %s", short_path(cache.path), _bytes(packed.num_bytes))


def _wait_for(lock: FileLock, cache: Cache, stack: ExitStack) -> None:
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("another process makes %s; waiting for it", short_path(cache.path))
            lock.acquire()
        stack.callback(lock.release)
    except NotImplementedError as error:  # a file system without locks
        log.warning("%s cannot be locked (%s); other runs may make it at the same time", short_path(cache.path), error)


def _write(cache: Cache, pictures: Sequence[Path], num_workers: int) -> None:
    needed, folder = _estimated_bytes(pictures, cache.side), cache.path.parent
    if needed > shutil.disk_usage(folder).free:
        raise _no_room(cache, needed)
    others = [path.stat().st_size for path in folder.glob(f"*{SUFFIX}")]
    beside = f"; {len(others)} other(s) beside it, {_bytes(sum(others))}" if others else ""
    log.info("making %s pictures small once, about %s%s", f"{len(pictures):,}", _bytes(needed), beside)
    loader = WorkerLoader(_Small(pictures, cache.side), EvalOrder(len(pictures), _TOGETHER), num_workers, seed=0)
    rows: list[bytes] = []
    last_logged = time.monotonic()
    try:
        with open_atomically(cache.path, "wb") as file:
            for pixels, row, number in loader:
                file.write(pixels.numpy().data)
                rows.append(row.numpy().astype("<u4").tobytes())
                if time.monotonic() > last_logged + _PATIENCE:
                    log.info("%s of %s pictures", f"{int(number[-1]) + 1:,}", f"{len(pictures):,}")
                    last_logged = time.monotonic()
            table = b"".join(rows)
            file.write(table + _END.pack(len(pictures), _digest(cache.path, table)))
    finally:
        loader.close()


class _Small:
    """The dataset of the workers: concatenated pixels, uint8; a row of the table for each image; their numbers."""

    def __init__(self, pictures: Sequence[Path], side: int) -> None:
        self.paths, self.side = np.array([str(path) for path in pictures]), side

    def __getitems__(self, pairs: list[tuple[int, int]]) -> Batch | DataError:
        numbers = [number for number, _ in pairs]
        try:
            pictures = [read_small(Path(str(self.paths[number])), self.side) for number in numbers]
        except DataError as error:
            return error
        pixels = [picture.tobytes() for picture in pictures]
        rows = [(each.height, each.width, zlib.crc32(part)) for each, part in zip(pictures, pixels, strict=True)]
        return (
            torch.frombuffer(bytearray(b"".join(pixels)), dtype=torch.uint8),
            torch.tensor(rows),
            torch.tensor(numbers),
        )


def _estimated_bytes(pictures: Sequence[Path], side: int) -> int:
    """The estimated bytes of a cache, from the headers of some of the images."""
    looked_at = pictures[:: -(-len(pictures) // _LOOKED_AT)]
    shapes = [small_shape(*shape_of(path), side) for path in looked_at]
    mean = sum(width * height for width, height in shapes) / len(shapes)
    return round(len(pictures) * (3 * mean + 4 * _COLUMNS)) + _END.size


def _digest(path: Path, table: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + table).digest()


def _no_room(cache: Cache, needed: int, reason: str = "") -> PlatformError:
    free = shutil.disk_usage(cache.path.parent).free
    return PlatformError(
        f"a cache of these pictures takes about {_bytes(needed)}, and {_bytes(free)} are free in"
        f" {cache.path.parent}{f' ({reason})' * bool(reason)};",
        "data.cache is a folder on a disk with room for it;",
        f"delete what no run needs, {SUFFIX} files of before among it, or try data.cache=FOLDER elsewhere.",
    )


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.2f} MB"
