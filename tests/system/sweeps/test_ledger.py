"""The ledger survives its writer, and one sweep has one driver."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netyard.errors import PlatformError
from netyard.sweeps.ledger import Locks


def test_a_new_driver_waits_for_the_jobs_of_a_dead_one(tmp_path: Path) -> None:
    """A process that inherited the shared lock holds it until it ends, whatever became of the driver."""
    first = Locks(tmp_path)
    job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"], pass_fds=[first.shared])
    first.release()
    with pytest.raises(PlatformError, match="run by another process"):
        Locks(tmp_path, patience=0.1)
    Locks(tmp_path).release()
    assert job.poll() is not None or job.wait(timeout=1) == 0
