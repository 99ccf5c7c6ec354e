"""Locks of a run's directory that a child still has, whose file has just gone, or that the file system has not."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from netyard.run_directories import lock as locks


def test_lock_of_a_starting_child_is_waited_for(tmp_path: Path) -> None:
    """A fork has the locks of its parent until it is another program."""
    locks.acquire(tmp_path)
    lock = os.dup(locks._HELD[tmp_path.resolve()])
    os.close(locks._HELD.pop(tmp_path.resolve()))
    threading.Timer(0.3, os.close, [lock]).start()
    locks.refuse_if_held(tmp_path)
    assert locks.acquire(tmp_path)
    locks.release(tmp_path)


def test_lock_on_a_deleted_file_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = locks.open_file

    def removed(path: Path) -> int:
        lock = opened(path)
        monkeypatch.setattr(locks, "open_file", opened)
        path.unlink()
        return lock

    monkeypatch.setattr(locks, "open_file", removed)
    locks.acquire(tmp_path)
    assert (tmp_path / locks.NAME).exists()
    locks.release(tmp_path)


def test_file_system_without_locks_is_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    assert locks.acquire(tmp_path)
    locks.release(tmp_path)
