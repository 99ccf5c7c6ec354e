"""Unpacking an archive from somebody: files and folders below one folder, whole or not at all. Knows no torch.

``zipfile`` and ``tarfile``, with its filter for data, unpack. Before they write anything the list of members is gone
through, for they let links and files of one name pass, and know no limits.
"""

from __future__ import annotations

import io
import platform
import shutil
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from pathlib import Path, PurePosixPath
from typing import Any

from netyard.errors import DataError, PlatformError

MAX_MEMBERS = 1_000_000
MAX_BYTES = 20_000_000_000
MAX_RATIO = 200  # unpacked to packed; asked of what is unpacked to more than SMALL
SMALL = 16_000_000
_MAX_NAME, _MAX_PATH = 255, 1024  # bytes
_AT_ONCE = 1 << 26  # bytes; the names of a member are far shorter
_NOT_IN_A_NAME = frozenset('\\:*?"<>|') | {chr(code) for code in (*range(32), 127)}  # for one file system or another
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, BadGzipFile, zlib.error, EOFError, NotImplementedError, ValueError)


class _Refused(Exception):  # noqa: N818  (never leaves this module)
    """Why an archive is not unpacked."""


def extract(path: Path, target: Path) -> None:
    """Unpack a ``.tar``, ``.tar.gz`` or ``.zip`` file into a folder that is not there yet, which then is there whole.

    Raises:
        DataError: it is damaged, or holds anything but files and folders with plain names below its own, a name twice
            (on a file system that does not tell upper from lower case, too), or more than the limits above; nothing was
            left anywhere.
        PlatformError: it is a tar file, and this Python is too old to unpack one safely.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with _opened(path) as archive:
            members = _checked(_members(archive), path.stat().st_size)
            _unpack(archive, members, aside)
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


def _checked(members: Iterator[tuple[str, bool, int, Any]], packed: int) -> list[Any]:
    """The members that are to be unpacked, as the library has them: all, but for the folder that everything lies in."""
    found: list[Any] = []
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
        found.append(handle)
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


def _unpack(archive: Any, members: list[Any], folder: Path) -> None:
    """What was checked, into a folder that only we write to; the library sees that nothing is longer than it says."""
    if isinstance(archive, zipfile.ZipFile):
        archive.extractall(folder, members)
        return
    if not hasattr(tarfile, "data_filter"):
        raise PlatformError(
            f"Python {platform.python_version()} has no safe way to unpack a tar file;",
            "there is one from 3.10.12, 3.11.4 and 3.12 on;",
            "update Python within its version, or unpack the file yourself and name the folder with data.root.",
        )
    archive.extractall(folder, members, filter=_as_data)


def _as_data(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """A member without its owner, and without rights that data need not have."""
    return tarfile.data_filter(member.replace(mode=0o644, deep=False), folder)
