"""Unpacking an archive from somebody: files and folders below one folder, whole or not at all. Knows no torch.

The list of members is gone through before anything is written. ``tarfile``'s own filters came with late versions of
Python, let links pass, and know no limits.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from pathlib import Path, PurePosixPath
from typing import IO, Any

from netyard.errors import DataError

MAX_MEMBERS = 1_000_000
MAX_BYTES = 20_000_000_000
MAX_RATIO = 200  # unpacked to packed; asked of what is unpacked to more than SMALL
SMALL = 16_000_000
_MAX_NAME, _MAX_PATH = 255, 1024  # bytes
_CHUNK = 1 << 20
_AT_ONCE = 1 << 26  # bytes; the names of a member are far shorter
_NOT_IN_A_NAME = frozenset('\\:*?"<>|') | {chr(code) for code in (*range(32), 127)}  # for one file system or another
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, BadGzipFile, zlib.error, EOFError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class _Member:
    """A file (or a folder, without size) of an archive, under its normalised name."""

    name: PurePosixPath
    folder: bool
    size: int
    handle: Any


class _Refused(Exception):  # noqa: N818  (never leaves this module)
    """Why an archive is not unpacked."""


def extract(path: Path, target: Path) -> None:
    """Unpack a ``.tar``, ``.tar.gz`` or ``.zip`` file into a folder that is not there yet, which then is there whole.

    Raises:
        DataError: it is damaged, or holds anything but files and folders with plain names below its own, a name twice
            (on a file system that does not tell upper from lower case, too), or more than the limits above; nothing was
            left anywhere.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with _opened(path) as archive:
            members = _checked(_members(archive), path.stat().st_size)
            for member in members:
                _write(archive, member, aside)
        aside.chmod(0o755)
        aside.rename(target)
    except (_Refused, *_DAMAGED) as error:
        raise DataError(
            f"{path} is not unpacked: {str(error) or type(error).__name__};",
            "an archive, .tar, .tar.gz or .zip, holds files and folders with plain names, and not more than fits;",
            "delete it, and fetch it again from where you trust it.",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"PK":
            with zipfile.ZipFile(file) as archive:
                yield archive
        elif start[:2] == b"\x1f\x8b":
            with GzipFile(fileobj=file) as unpacked, tarfile.open(fileobj=_Measured(unpacked), mode="r:") as archive:
                yield archive
        else:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                yield archive


class _Measured(io.RawIOBase):
    """A gzip stream that gives no more than a sane archive could ask of it."""

    def __init__(self, file: GzipFile) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _AT_ONCE:
            raise _Refused(f"a header in it is {size:,} bytes long")
        if self._file.tell() > MAX_BYTES + MAX_MEMBERS * 4096:
            raise _Refused(f"it unpacks to more than {MAX_BYTES:,} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(archive: Any) -> Iterator[tuple[str, bool, int, Any]]:
    """Name, whether it is a folder, and size of each member, as the archive says; anything else is refused."""
    if isinstance(archive, zipfile.ZipFile):
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            odd = (kind == stat.S_IFDIR) > entry.is_dir() or (entry.is_dir() and entry.file_size)
            if odd or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _Refused(f"{entry.filename!r} in it is neither a file nor a folder")
            if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _Refused(f"{entry.filename!r} in it is encrypted, or packed in an unusual way")
            if entry.orig_filename != entry.filename:  # zipfile cuts at a NUL
                raise _Refused(f"{entry.orig_filename!r} in it is no plain name")
            yield entry.filename, entry.is_dir(), entry.file_size, entry
    else:
        for member in archive:
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _Refused(f"{member.name!r} in it is neither a file nor a folder")
            yield member.name, member.isdir(), member.size if member.isreg() else 0, member


def _checked(members: Iterator[tuple[str, bool, int, Any]], packed: int) -> list[_Member]:
    found: list[_Member] = []
    taken: dict[str, bool] = {}  # a name without its case -> whether it is a folder
    total = 0
    for name, folder, size, handle in members:
        total += size
        if len(found) >= MAX_MEMBERS:
            raise _Refused(f"it holds more than {MAX_MEMBERS:,} members")
        if size < 0 or total > MAX_BYTES:
            raise _Refused(f"it unpacks to more than {MAX_BYTES:,} bytes")
        if total > max(SMALL, MAX_RATIO * packed):
            raise _Refused(f"it unpacks to more than {MAX_RATIO} times its size")
        place = _place(name)
        if place is None:
            if not folder:
                raise _Refused(f"{name!r} in it is no name of a file")
            continue  # the folder that all of it lies in
        key = _key(place)
        for parent in map(_key, place.parents[:-1]):
            if not taken.setdefault(parent, True):
                raise _Refused(f"{name!r} in it lies in a file")
        if key in taken and not (folder and taken[key]):
            raise _Refused(f"{name!r} is in it twice")
        taken[key] = folder
        found.append(_Member(place, folder, size, handle))
    if not found:
        raise _Refused("it is empty")
    return found


def _place(name: str) -> PurePosixPath | None:
    """The normalised name; None for the folder that the archive itself is."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    plain = all(part != ".." and part == part.strip() and not part.endswith(".") for part in parts)
    fits = all(len(part.encode(errors="surrogateescape")) <= _MAX_NAME for part in parts)
    if name.startswith("/") or not plain or not fits or len(name) > _MAX_PATH or _NOT_IN_A_NAME & {*name}:
        raise _Refused(f"{name[:200]!r} in it is no plain name below its folder")
    return PurePosixPath(*parts) if parts else None


def _key(place: PurePosixPath) -> str:
    """One spelling for all names that some file system takes for the same."""
    return unicodedata.normalize("NFKC", str(place)).casefold()


def _write(archive: Any, member: _Member, folder: Path) -> None:
    place = folder / member.name
    if member.folder:
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
    with os.fdopen(descriptor, "wb") as file, _content(archive, member) as source:
        left = member.size
        while chunk := source.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            file.write(chunk)
    if left:
        raise _Refused(f"{str(member.name)!r} in it is not as long as it says")


def _content(archive: Any, member: _Member) -> IO[bytes]:
    source = archive.open(member.handle) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(member.handle)
    if source is None:
        raise _Refused(f"{str(member.name)!r} in it has no content")
    return source
