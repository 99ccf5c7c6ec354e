"""A new driver of a sweep waits for the jobs of a dead one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netyard.errors import PlatformError
from netyard.sweeps.ledger import Locks
from support.waiting import PATIENCE


def test_a_new_driver_waits_for_the_jobs_of_a_dead_one(tmp_path: Path) -> None:
    """A process that inherited the shared lock holds it until it ends, whatever became of the driver."""
    first = Locks(tmp_path)
    words = [sys.executable, "-c", "import sys, time; sys.stdin.read(); time.sleep(0.5)"]
    job = subprocess.Popen(words, pass_fds=[first.shared], stdin=subprocess.PIPE)
    try:
        first.release()
        with pytest.raises(PlatformError, match="run by another process"):
            Locks(tmp_path, patience=0.1)
        job.stdin.close()  # it may end
        Locks(tmp_path, patience=PATIENCE).release()
        assert job.wait(PATIENCE) == 0
    finally:
        job.kill()
        job.wait()
