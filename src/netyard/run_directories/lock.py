"""Lock a folder for one process, by an ``flock`` that the kernel releases when the process ends. Imports no torch.

Therefore a killed process never leaves a locked folder behind, unlike a file with a process number. Child processes do
not inherit the lock.
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
# Seconds to retry. A child that a killed process was just starting keeps the lock until it has called exec.
_PATIENCE = 1.0

_HELD: dict[Path, int] = {}  # locked folder -> open file descriptor, whose closing would release the lock


def acquire(folder: Path) -> bool:
    """Lock a folder for this process until ``release`` or its end; False if this process already holds it.

    On a file system without locks this succeeds without protection.

    Raises:
        PlatformError: another process holds it.
        OSError: the folder is not writable.
    """
    folder = folder.resolve()
    if folder in _HELD:
        return False
    while True:
        lock = open_file(folder / NAME)
        if not try_lock(lock, time.monotonic() + _PATIENCE):
            os.close(lock)
            raise _locked_by_other(folder)
        if _is_same_file(lock, folder / NAME):
            break
        # Race: the previous owner deleted the file between our open and our flock. We have locked a file without a
        # name, while another process can create and lock a new one: try again.
        os.close(lock)
    _HELD[folder] = lock
    # The content is only for the message of another process; the lock itself is the flock.
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
    return True


def release(folder: Path) -> None:
    """Unlock a folder."""
    folder = folder.resolve()
    if folder in _HELD:
        # Deleted while the lock is held: after the close, another process may hold the file under this name.
        with contextlib.suppress(OSError):
            (folder / NAME).unlink(missing_ok=True)
        os.close(_HELD.pop(folder))


def refuse_if_held(folder: Path) -> None:
    """Check without locking; works in read-only folders.

    Raises:
        PlatformError: another process holds the folder.
    """
    if folder.resolve() in _HELD:
        return
    try:
        lock = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC)  # without O_CREAT: no file, no lock
    except OSError:
        return
    try:
        if not try_lock(lock, time.monotonic() + _PATIENCE):
            raise _locked_by_other(folder)
    finally:
        os.close(lock)


def open_file(path: Path) -> int:
    """Open a file to lock; creates it if missing."""
    # O_CLOEXEC: a program that this process starts would otherwise hold the lock after our death.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def try_lock(descriptor: int, until: float = 0.0) -> bool:
    """Lock an open file; retries until the ``time.monotonic()`` given. True if locked, or if locks are unsupported."""
    import fcntl  # POSIX only

    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        except OSError:  # the file system has no locks (some network mounts)
            return True
        else:
            return True


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locked_by_other(folder: Path) -> PlatformError:
    """Return the error that names the process that holds the lock."""
    try:
        who = json.loads((folder / NAME).read_text(encoding="utf-8"))
        owner, stop = f"process {who['pid']} on {who['host']}", f"kill {who['pid']}"
    except (OSError, ValueError, TypeError, KeyError):  # the owner has not written its process number yet
        owner, stop = "another process", "Ctrl-C"
    return PlatformError(
        f"{folder} is being written by {owner};",
        "a directory has one run at a time;",
        f"wait until it ends, or stop it with {stop}, then continue with resume={folder}.",
    )


def _close_inherited() -> None:
    """Close the locks in a forked child, such as a data loader worker, which may live longer than the parent."""
    for lock in _HELD.values():
        os.close(lock)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)
