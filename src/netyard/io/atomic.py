"""Write files atomically, and check that a place can be written to. Imports no torch."""

from __future__ import annotations

import contextlib
import glob
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from netyard.errors import ConfigError, PlatformError


@contextlib.contextmanager
def open_atomically(
    path: str | Path, mode: str = "w", errors: str | None = None, sync: bool = True
) -> Iterator[IO[Any]]:
    """Open a temporary file for writing (text, or bytes with ``wb``) that replaces ``path`` when the block succeeds.

    If the block raises or the process is killed, the old file stays: a reader sees the old file or the new one, never a
    part of one. The folder is created if needed. ``sync`` waits for the disk, so that this holds after a power cut too.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic only within one file system.
    temporary = temporary_path(path)
    delete_stale_temporaries(path.parent, glob.escape(path.name))
    # newline="": lines end with \n on every system, so files and their hashes are the same.
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "errors": errors, "newline": ""}
    try:
        with temporary.open(mode, **text) as file:
            yield file
            file.flush()
            # Before the rename: some file systems write the new name to disk before the content, which would be empty.
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # there only if the block has failed


def temporary_path(path: Path) -> Path:
    """Return the name of this process's temporary file for a path."""
    # Host and process in the name: two processes may write one file at the same time, on a shared file system too.
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")


def delete_stale_temporaries(folder: Path, pattern: str) -> None:
    """Delete temporary files for names that match a pattern, left by killed processes of this machine."""
    # Only of this machine: whether a process of another one is alive cannot be seen from here.
    for left in folder.glob(f".{pattern}.{glob.escape(socket.gethostname())}.*.tmp"):
        pid = left.suffixes[-2][1:]
        if pid.isdecimal() and is_gone(int(pid)):
            left.unlink(missing_ok=True)


def is_gone(pid: int) -> bool:
    """Whether a process of this machine is known to be dead."""
    try:
        os.kill(pid, 0)  # signal 0 only checks whether the process exists
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # it is another user's; no number of a process
        return False
    return False


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, if the file system supports it."""
    with contextlib.suppress(OSError):  # some systems cannot open folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def require_file(path: Path, what: str, example: str, *suffixes: str) -> None:
    """Refuse an output path that cannot be written to, before the work for it is done.

    Args:
        what: what is to be written, for the message: ``a table``.
        example: the name of such a file.
        suffixes: its name must have one of these, in small or capital letters.

    Raises:
        ConfigError: it has another suffix, is a folder, or its folder does not exist.
        PlatformError: its folder is not writable.
    """
    endings = ", ".join(suffixes[:-1]) + " or " * (len(suffixes) > 1) + "".join(suffixes[-1:])
    if (suffixes and path.suffix.lower() not in suffixes) or path.is_dir() or not path.name:
        # The nearest valid name, for what to type.
        named = path.with_suffix(suffixes[0]) if suffixes and path.name and not path.is_dir() else path / example
        raise ConfigError(
            f"output is {path}{', a folder' * path.is_dir()};",
            f"what is written is {what}{f', a file whose name ends in {endings}' if suffixes else ''};",
            f"try output={named}.",
        )
    if not path.parent.is_dir():
        raise ConfigError(
            f"output is {path}, and there is no folder {path.parent};",
            "output is a file in a folder that exists;",
            f"make it with mkdir -p {path.parent}, or try output={path.name}.",
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PlatformError(
            f"nothing may be written into {path.parent};",
            "output is a file in a folder of yours;",
            f"try output={path.name}.",
        )


def require_folder(folder: Path) -> Path:
    """Return an output folder, with ~ expanded, after checking that it is writable; it need not exist yet.

    Raises:
        ConfigError: it is a file.
        PlatformError: it is not writable.
    """
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"output is {folder}, a file;",
            "output is a folder;",
            f"try output={folder.with_suffix('')}_report.",
        )
    # The nearest folder that exists: the others will be created in it.
    existing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path.cwd())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PlatformError(
            f"nothing may be written into {existing};", "output is a folder of yours;", "try output=report."
        )
    return folder


def write_atomically(path: Path, text: str, sync: bool = True) -> None:
    """Write a text file atomically; see ``open_atomically``."""
    with open_atomically(path, sync=sync) as file:
        file.write(text)
