"""A cache file of decoded, downscaled images, named by a fingerprint of its source files.

Format: the pixels of each image, uint8 (H, W, 3); a table of heights, widths and CRCs, uint32 (N, 3); the number of
images and a hash. Decision 51 has the reasons.
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
from netyard.data.images.depth import Range
from netyard.errors import DataError, PlatformError
from netyard.io.atomic import delete_stale_temporaries, open_atomically
from netyard.io.fingerprint import fingerprint
from netyard.io.readable import short_path

log = logging.getLogger(__name__)

SUFFIX = ".pictures"
_FORMAT = 1  # increase it also if the same image files are decoded to other pixels
_COLUMNS = 3
_END = struct.Struct("<Q32s")  # the number of images, and the SHA-256 of the file's name and the table
_BATCH = 16  # images that a worker sends at once
_MAX_HEADERS = 1000  # images whose sizes are read to estimate the size of the file
_LOG_INTERVAL = 60.0  # seconds between two lines of the log
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PLACE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@dataclass(frozen=True)
class Cache:
    """The path of the cache of some images, whether the file exists or not."""

    path: Path
    side: int
    """The shorter side of an image, in pixels; smaller images are not enlarged."""
    value_range: Range | None = None
    """See ``read_square``."""


def cache_of(images: Sequence[Path], side: int, folder: Path, value_range: Range | None = None) -> Cache:
    """The cache of these files in a folder; another name, size or modification time of any file gives another cache."""
    here = Path.cwd()  # the same files by relative and by absolute paths are the same cache
    stats = [path.stat() for path in images]
    key = fingerprint(
        format=_FORMAT,
        side=side,
        names="\0".join(str(here / path) for path in images),
        stats=torch.tensor([(each.st_size, each.st_mtime_ns) for each in stats]),
        # Left out without a range: caches of before there was one stay valid.
        **({"range": list(value_range)} if value_range else {}),
    )
    return Cache(folder / f"{side}-{key}{SUFFIX}", side, value_range)


class Packed:
    """A cache file, of which images are read one at a time by any process; only the table is in memory.

    Raises:
        ValueError: the file is incomplete or damaged, by its length and the hash of its table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        file = path.open("rb", buffering=0)
        weakref.finalize(self, file.close)  # whenever the last loader with this cache is gone
        self._file = file.fileno()
        self.num_bytes = os.fstat(self._file).st_size
        # pread takes the position as an argument: processes that share the file descriptor after a fork share one file
        # position, too, and would move it under each other.
        end = os.pread(self._file, _END.size, max(self.num_bytes - _END.size, 0))
        if len(end) < _END.size:
            raise ValueError("it is too short")
        count, digest = _END.unpack(end)
        length = 4 * _COLUMNS * count
        start = self.num_bytes - _END.size - length
        table = os.pread(self._file, length, start) if start > 0 else b""
        if _digest(path, table) != digest:
            raise ValueError("its table is damaged")
        # Little-endian on every machine: a folder of caches may be shared over a network.
        self._table = np.frombuffer(table, "<u4").reshape(-1, _COLUMNS)
        sizes = self._table[:, 0].astype(np.int64) * self._table[:, 1] * 3
        self._starts = np.concatenate([[0], sizes.cumsum()])
        if self._starts[-1] + length + _END.size != self.num_bytes:
            raise ValueError("its length does not match its table")

    def __len__(self) -> int:
        return len(self._table)

    def __reduce__(self) -> tuple[type[Packed], tuple[Path]]:
        # A worker that is spawned, not forked, opens the file itself: a file descriptor cannot be pickled.
        return Packed, (self.path,)

    def read(self, number: int) -> Image.Image:
        """Image ``number``, in the order of the files that the cache was made of, as RGB.

        Raises:
            DataError: it cannot be read, or its pixels have changed since they were written.
        """
        height, width, crc = self._table[number].tolist()
        start, length = int(self._starts[number]), height * width * 3
        reason = ""
        try:
            pixels = os.pread(self._file, length, start)
        except OSError as error:
            pixels, reason = b"", f" ({error.strerror})"
        # Each time, for a disk may return other bytes without an error, and training on noise would not fail.
        if len(pixels) != length or zlib.crc32(pixels) != crc:
            raise DataError(
                f"image {number} of {self.path} is damaged{reason};",
                "its pixels must have the checksum that was written with them;",
                "delete that file, and the next run writes it again.",
            )
        return Image.frombytes("RGB", (width, height), pixels)


def opened(path: Path) -> Packed | None:
    """Open a cache; None if it does not exist, or is incomplete or damaged, which is logged."""
    try:
        return Packed(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s is not a valid cache of images (%s)", short_path(path), error)
        return None


def make(cache: Cache, images: Sequence[Path], num_workers: int) -> None:
    """Write a cache if there is no valid one. Of several processes the first one writes it, and the others wait.

    Raises:
        DataError: an image cannot be read.
        PlatformError: the disk is full, or the folder is not writable; no incomplete file is left.
    """
    folder = cache.path.parent
    packed = opened(cache.path)
    try:
        with ExitStack() as stack:
            if packed is None:
                folder.mkdir(parents=True, exist_ok=True)
                _wait_for(FileLock(folder / f".{cache.path.name}.lock"), cache, stack)
                with suppress(OSError, ValueError):  # another process may have written it meanwhile
                    packed = Packed(cache.path)
            if packed is None:
                delete_stale_temporaries(folder, f"*{SUFFIX}")
                _write(cache, images, num_workers)
                packed = Packed(cache.path)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_room(cache, _estimated_bytes(images, cache.side), error.strerror or "") from error
        if error.errno in _NO_PLACE:
            raise PlatformError(
                f"no cache of images can be written to {folder}: {error.strerror};",
                "data.cache is a folder that you can write to; it is created if it is missing;",
                "try another data.cache=FOLDER, or data.cache=null.",
            ) from error
        raise
    log.info("images from %s, %s", short_path(cache.path), _bytes(packed.num_bytes))


def _wait_for(lock: FileLock, cache: Cache, stack: ExitStack) -> None:
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("another process writes %s; waiting for it", short_path(cache.path))
            lock.acquire()
        stack.callback(lock.release)
    except NotImplementedError as error:  # a file system without locks
        log.warning("%s cannot be locked (%s); other runs may write it at the same time", short_path(cache.path), error)


def _write(cache: Cache, images: Sequence[Path], num_workers: int) -> None:
    needed, folder = _estimated_bytes(images, cache.side), cache.path.parent
    if needed > shutil.disk_usage(folder).free:
        raise _no_room(cache, needed)
    # Caches of data that have changed are never deleted: another run may use them. The log shows what they take.
    others = [path.stat().st_size for path in folder.glob(f"*{SUFFIX}")]
    beside = f"; {len(others)} other cache(s) in this folder, {_bytes(sum(others))}" if others else ""
    log.info("writing a cache of %s images, about %s%s", f"{len(images):,}", _bytes(needed), beside)
    loader = WorkerLoader(
        _Small(images, cache.side, cache.value_range), EvalOrder(len(images), _BATCH), num_workers, seed=0
    )
    rows: list[bytes] = []
    last_logged = time.monotonic()
    try:
        # Written to a temporary file that is renamed at the end: no other process ever reads a part of a cache.
        with open_atomically(cache.path, "wb") as file:
            for pixels, row, number in loader:
                file.write(pixels.numpy().data)
                rows.append(row.numpy().astype("<u4").tobytes())
                if time.monotonic() > last_logged + _LOG_INTERVAL:
                    log.info("%s of %s images", f"{int(number[-1]) + 1:,}", f"{len(images):,}")
                    last_logged = time.monotonic()
            table = b"".join(rows)
            file.write(table + _END.pack(len(images), _digest(cache.path, table)))
    finally:
        loader.close()


class _Small:
    """The data set of the worker processes: pixels, uint8, concatenated; a table row for each image; their numbers."""

    def __init__(self, images: Sequence[Path], side: int, value_range: Range | None) -> None:
        self.value_range = value_range
        self.paths, self.side = np.array([str(path) for path in images]), side

    def __getitems__(self, pairs: list[tuple[int, int]]) -> Batch | DataError:
        numbers = [number for number, _ in pairs]
        try:
            images = [read_small(Path(str(self.paths[number])), self.side, self.value_range) for number in numbers]
        except DataError as error:
            return error
        pixels = [image.tobytes() for image in images]
        rows = [(each.height, each.width, zlib.crc32(part)) for each, part in zip(images, pixels, strict=True)]
        return (
            torch.frombuffer(bytearray(b"".join(pixels)), dtype=torch.uint8),
            torch.tensor(rows),
            torch.tensor(numbers),
        )


def _estimated_bytes(images: Sequence[Path], side: int) -> int:
    """Estimate the bytes of a cache from the headers of some of the images."""
    # Every k-th image: the first ones would be of one class, which may have larger images than the others.
    sampled = images[:: -(-len(images) // _MAX_HEADERS)]
    shapes = [small_shape(*shape_of(path), side) for path in sampled]
    mean = sum(width * height for width, height in shapes) / len(shapes)
    return round(len(images) * (3 * mean + 4 * _COLUMNS)) + _END.size


def _digest(path: Path, table: bytes) -> bytes:
    # With the name, which contains the fingerprint of the images: a renamed cache is not taken for another one.
    return hashlib.sha256(path.name.encode() + table).digest()


def _no_room(cache: Cache, needed: int, reason: str = "") -> PlatformError:
    free = shutil.disk_usage(cache.path.parent).free
    return PlatformError(
        f"a cache of these images takes about {_bytes(needed)}, and {_bytes(free)} are free in"
        f" {cache.path.parent}{f' ({reason})' * bool(reason)};",
        "data.cache is a folder on a disk with enough free space;",
        f"delete {SUFFIX} files that no run uses, or try data.cache=FOLDER on another disk.",
    )


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.2f} MB"
