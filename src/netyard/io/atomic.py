"""Files that are whole under their name or not there, and what is wrong with a place to write. Imports no torch."""

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
    """A file to write, text or with ``wb`` bytes, which takes the place of ``path`` when the block ends well.

    Until then, and if it does not, what was there stays: a kill leaves the old file or the new one, never half of one.
    Its folder is made, and drafts are deleted that processes have left there and died. A power cut leaves whole files
    too; without ``sync``, which waits for the disk, it may not.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = temporary_path(path)
    delete_stale_temporaries(path.parent, glob.escape(path.name))
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "errors": errors, "newline": ""}
    try:
        with draft.open(mode, **text) as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """Where this process of this machine makes what is to take the place of a file."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")


def delete_stale_temporaries(folder: Path, pattern: str) -> None:
    """Delete what processes of this machine made to take the place of such files, and died."""
    for left in folder.glob(f".{pattern}.{glob.escape(socket.gethostname())}.*.tmp"):
        pid = left.suffixes[-2][1:]
        if pid.isdecimal() and is_gone(int(pid)):
            left.unlink(missing_ok=True)


def is_gone(pid: int) -> bool:
    """Whether a process of this machine is known to be dead."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    with contextlib.suppress(OSError):  # some systems open no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def require_file(path: Path, what: str, example: str, *suffixes: str) -> None:
    """Refuse a place that no file can be written to, before there is something to write.

    Args:
        what: is to be written, for the message.
        example: the name of such a file.
        suffixes: one of which its name must have, in small or capital letters.

    Raises:
        ConfigError: another kind of file, a folder, or in a folder that is not there.
        PlatformError: in a folder that may not be written to.
    """
    endings = ", ".join(suffixes[:-1]) + " or " * (len(suffixes) > 1) + "".join(suffixes[-1:])
    if (suffixes and path.suffix.lower() not in suffixes) or path.is_dir() or not path.name:
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
    """A folder to write into, which need not be there yet.

    Raises:
        ConfigError: it is a file.
        PlatformError: nothing may be written there.
    """
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"output is {folder}, a file;",
            "output is a folder;",
            f"try output={folder.with_suffix('')}_report.",
        )
    standing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path.cwd())
    if not os.access(standing, os.W_OK | os.X_OK):
        raise PlatformError(
            f"nothing may be written into {standing};", "output is a folder of yours;", "try output=report."
        )
    return folder


def write_atomically(path: Path, text: str, sync: bool = True) -> None:
    """Replace a file by a complete new one, or leave it as it was: a reader never sees half of it."""
    with open_atomically(path, sync=sync) as file:
        file.write(text)
