"""Unpacking an untrusted archive into a folder, completely or not at all. Does not import torch.

``zipfile`` and ``tarfile`` (with its filter for data) unpack. The list of members is checked before anything is
written, because both accept links and duplicate names, and have no limits.
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
MAX_RATIO = 200  # unpacked to packed size; above it an archive is a bomb. Not checked up to SMALL unpacked bytes
SMALL = 16_000_000
_MAX_NAME, _MAX_PATH = 255, 1024  # bytes
_MAX_HEADER = 1 << 26  # bytes; tarfile reads a member's header at once, of the length that the archive claims
_NOT_IN_A_NAME = frozenset('\\:*?"<>|') | {chr(code) for code in (*range(32), 127)}  # refused by some file system
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, BadGzipFile, zlib.error, EOFError, NotImplementedError, ValueError)


class _Refused(Exception):  # noqa: N818  (never leaves this module)
    """The reason why an archive is not unpacked."""


def extract(path: Path, target: Path) -> None:
    """Unpack a ``.tar``, ``.tar.gz`` or ``.zip`` file into a folder that does not exist yet.

    Raises:
        DataError: the archive is damaged, contains a name outside of its folder, a duplicate name (also one that
            differs in case only), anything but files and folders, or more than the limits above; no file is left.
        PlatformError: it is a tar file, and this version of Python cannot unpack one safely.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, on the same file system: the rename at the end is then atomic.
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with _opened(path) as archive:
            members = _checked(_members(archive), path.stat().st_size)
            _unpack(archive, members, aside)
        aside.chmod(0o755)  # mkdtemp makes a folder that only its owner can read
        aside.rename(target)
    except (_Refused, *_DAMAGED) as error:
        raise DataError(
            f"{path} is not unpacked: {str(error) or type(error).__name__};",
            "an archive (.tar, .tar.gz, .zip) contains only files and folders with relative names, of limited size;",
            "delete it, and download it again from a source that you trust.",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        start = file.read(4)  # by content, not by suffix, which a download may have lost
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
    """A gzip stream that refuses reads of a damaged or malicious archive: huge headers, endless data."""

    def __init__(self, file: GzipFile) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            raise _Refused(f"a header in it is {size:,} bytes long")
        if self._file.tell() > MAX_BYTES + MAX_MEMBERS * 4096:
            raise _Refused(f"it unpacks to more than {MAX_BYTES:,} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(archive: Any) -> Iterator[tuple[str, bool, int, Any]]:
    """Name, whether it is a folder, size and handle of each member, as the archive claims; others are refused."""
    if isinstance(archive, zipfile.ZipFile):
        for entry in archive.infolist():
            # The upper 16 bits are the Unix mode: symbolic links and devices are stored as files with such a mode.
            kind = stat.S_IFMT(entry.external_attr >> 16)
            odd = (kind == stat.S_IFDIR) > entry.is_dir() or (entry.is_dir() and entry.file_size)
            if odd or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _Refused(f"{entry.filename!r} in it is neither a file nor a folder")
            if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _Refused(f"{entry.filename!r} in it is encrypted, or compressed by an unsupported method")
            if entry.orig_filename != entry.filename:  # zipfile cuts a name at a NUL byte
                raise _Refused(f"{entry.orig_filename!r} in it is not a valid relative name")
            yield entry.filename, entry.is_dir(), entry.file_size, entry
    else:
        for member in archive:
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _Refused(f"{member.name!r} in it is neither a file nor a folder")
            yield member.name, member.isdir(), member.size if member.isreg() else 0, member


def _checked(members: Iterator[tuple[str, bool, int, Any]], packed: int) -> list[Any]:
    """The handles of the members to unpack: all except the top folder itself."""
    found: list[Any] = []
    taken: dict[str, bool] = {}  # a name without its case -> whether it is a folder
    total = 0
    for name, folder, size, handle in members:
        total += size
        if len(found) >= MAX_MEMBERS:
            raise _Refused(f"it contains more than {MAX_MEMBERS:,} members")
        if size < 0 or total > MAX_BYTES:
            raise _Refused(f"it unpacks to more than {MAX_BYTES:,} bytes")
        if total > max(SMALL, MAX_RATIO * packed):
            raise _Refused(f"it unpacks to more than {MAX_RATIO} times its size")
        place = _place(name)
        if place is None:
            if not folder:
                raise _Refused(f"{name!r} in it is not a name of a file")
            continue  # the top folder itself
        key = _key(place)
        # A file called a and a file a/b: one would overwrite the other, in an order that differs between libraries.
        for parent in map(_key, place.parents[:-1]):
            if not taken.setdefault(parent, True):
                raise _Refused(f"{name!r} in it is inside a file")
        if key in taken and not (folder and taken[key]):
            raise _Refused(f"{name!r} is in it twice")
        taken[key] = folder
        found.append(handle)
    if not found:
        raise _Refused("it is empty")
    return found


def _place(name: str) -> PurePosixPath | None:
    """The normalised name; None for the top folder itself."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    # Windows removes spaces and dots at the end of a name: two names would become one file.
    plain = all(part != ".." and part == part.strip() and not part.endswith(".") for part in parts)
    fits = all(len(part.encode(errors="surrogateescape")) <= _MAX_NAME for part in parts)
    if name.startswith("/") or not plain or not fits or len(name) > _MAX_PATH or _NOT_IN_A_NAME & {*name}:
        raise _Refused(f"{name[:200]!r} in it is not a valid relative name")
    return PurePosixPath(*parts) if parts else None


def _key(place: PurePosixPath) -> str:
    """One spelling for all names that some file system treats as the same name."""
    return unicodedata.normalize("NFKC", str(place)).casefold()


def _unpack(archive: Any, members: list[Any], folder: Path) -> None:
    """Unpack checked members into a new folder; the library enforces the size that each member claims."""
    if isinstance(archive, zipfile.ZipFile):
        archive.extractall(folder, members)
        return
    if not hasattr(tarfile, "data_filter"):
        raise PlatformError(
            f"Python {platform.python_version()} cannot unpack a tar file safely;",
            "3.10.12, 3.11.4, 3.12 and later versions can;",
            "update Python, or unpack the file yourself and set data.root to the folder.",
        )
    archive.extractall(folder, members, filter=_as_data)


def _as_data(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """A member without its owner, and without permissions that data do not need."""
    return tarfile.data_filter(member.replace(mode=0o644, deep=False), folder)
