"""One process at a time for a folder: a lock that the kernel frees with its process, however that ends. Knows no torch.

Nobody has to guess from process numbers who is alive. What the process forks or starts does not hold it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path

from netyard.errors import PlatformError

NAME = ".running.lock"
_PATIENCE = 1.0  # seconds; what a process was starting as it was killed has its lock until it is another program

_HELD: dict[Path, int] = {}


def hold(folder: Path) -> bool:
    """Take a folder for this process, until ``release`` or its end; False where this process has it already.

    Where the file system knows no locks, the folder is taken all the same.

    Raises:
        PlatformError: another process has it.
        OSError: nothing can be written there.
    """
    folder = folder.resolve()
    if folder in _HELD:
        return False
    while True:
        lock = open_file(folder / NAME)
        if not take(lock, time.monotonic() + _PATIENCE):
            os.close(lock)
            raise _taken(folder)
        if _is_there(lock, folder / NAME):
            break
        os.close(lock)  # whoever had it before has just removed its file
    _HELD[folder] = lock
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
    return True


def release(folder: Path) -> None:
    """Give a folder back."""
    folder = folder.resolve()
    if folder in _HELD:
        with contextlib.suppress(OSError):
            (folder / NAME).unlink(missing_ok=True)
        os.close(_HELD.pop(folder))


def refuse_if_held(folder: Path) -> None:
    """Look, and take nothing; needs no right to write.

    Raises:
        PlatformError: another process has the folder.
    """
    if folder.resolve() in _HELD:
        return
    try:
        lock = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not take(lock, time.monotonic() + _PATIENCE):
            raise _taken(folder)
    finally:
        os.close(lock)


def open_file(path: Path) -> int:
    """A file to lock, made where there is none."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def take(descriptor: int, until: float = 0.0) -> bool:
    """Lock an open file; tries until then by ``time.monotonic()``, once at least. True where there are no locks."""
    import fcntl  # which is POSIX's

    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        except OSError:
            return True
        else:
            return True


def _is_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _taken(folder: Path) -> PlatformError:
    try:
        who = json.loads((folder / NAME).read_text(encoding="utf-8"))
        owner, stop = f"process {who['pid']} on {who['host']}", f"kill {who['pid']}"
    except (OSError, ValueError, TypeError, KeyError):  # it has not yet said
        owner, stop = "another process", "Ctrl-C"
    return PlatformError(
        f"{folder} is being written by {owner};",
        "a directory has one run at a time;",
        f"wait until it ends, or stop it with {stop}, and continue then with resume={folder}.",
    )


def _forget() -> None:
    """In a forked child, a worker of a loader for one: the lock is its parent's alone."""
    for lock in _HELD.values():
        os.close(lock)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
