"""One process at a time for a run's directory: who has it is named, and nobody has it longer than he lives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netyard import locks
from netyard.errors import CheckpointError, PlatformError
from netyard.rundir import RunDir
from support.waiting import wait_until

HOLDER = """
import os, sys, time
from pathlib import Path
from netyard import locks

locks.hold(Path(sys.argv[1]))
if sys.argv[2:] == ["fork"] and os.fork():
    os.kill(os.getpid(), 9)  # and a child of it lives on
print("held", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def holder(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the folder; or, with ``fork``, the child of one that had it and was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *words], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout and process.stdout.readline() == "held\n"
        if words:
            process.wait()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_second_is_told_of_the_first_which_may_be_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        for attempt in (locks.hold, locks.refuse_if_held):
            with pytest.raises(PlatformError, match=rf"by process {first.pid} on {socket.gethostname()}; .*resume="):
                attempt(tmp_path)
        first.kill()
        first.wait()
        assert (tmp_path / locks.NAME).exists()
        locks.refuse_if_held(tmp_path)
        assert locks.hold(tmp_path) and not locks.hold(tmp_path)
        locks.refuse_if_held(tmp_path)
        locks.release(tmp_path)
        locks.release(tmp_path)
    assert not (tmp_path / locks.NAME).exists()


def test_no_child_has_the_lock_of_its_parent(tmp_path: Path) -> None:
    with holder(tmp_path, "fork"):
        assert locks.hold(tmp_path)
    locks.release(tmp_path)


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
    run.mark("running")
    run.release()
    with pytest.raises(CheckpointError, match="holds a run already"):
        run.claim(resumed=False)
    run.claim(resumed=True)
    run.release()
    monkeypatch.setenv("LOCAL_RANK", "1")
    with holder(run.path):
        run.claim(resumed=True)  # the first rank has claimed it for all
    assert not run.path.joinpath(".probe").exists()
