"""Processes that want one run's directory: one has it, the others are told which, and a killed one has it no longer."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from netyard.errors import CheckpointError, PlatformError
from netyard.run_directories import lock
from netyard.run_directories.directory import RunDir
from support.lock_holder import HOLDER, holder
from support.waiting import wait_until


def test_the_second_is_told_of_the_first_which_may_be_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        for attempt in (lock.acquire, lock.refuse_if_held):
            with pytest.raises(PlatformError, match=rf"by process {first.pid} on {socket.gethostname()}; .*resume="):
                attempt(tmp_path)
        first.kill()
        first.wait()
        assert (tmp_path / lock.NAME).exists()
        lock.refuse_if_held(tmp_path)
        assert lock.acquire(tmp_path) and not lock.acquire(tmp_path)
        lock.refuse_if_held(tmp_path)
        lock.release(tmp_path)
        lock.release(tmp_path)
    assert not (tmp_path / lock.NAME).exists()


def test_no_child_has_the_lock_of_its_parent(tmp_path: Path) -> None:
    with holder(tmp_path, "fork"):
        assert lock.acquire(tmp_path)
    lock.release(tmp_path)


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    script = HOLDER.replace("time.sleep(600)", "sys.stdin.read()")
    many = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(8)
    ]
    try:
        wait_until(lambda: sum(each.poll() is not None for each in many) == 7, "the end of seven of eight processes")
        assert sum(each.communicate()[0] == b"held\n" for each in many) == 1
    finally:
        for each in many:
            each.kill()


def test_a_directory_is_claimed_before_it_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir(tmp_path / "run")
    run.claim(resumed=False)
    run.set_state("running")
    run.release()
    with pytest.raises(CheckpointError, match="already contains a run"):
        run.claim(resumed=False)
    run.claim(resumed=True)
    run.release()
    monkeypatch.setenv("LOCAL_RANK", "1")
    with holder(run.path):
        run.claim(resumed=True)  # the first rank has claimed it for all
    assert not run.path.joinpath(".probe").exists()
