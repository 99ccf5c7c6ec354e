"""A sweep as a command in the background, and what its ledger says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from netyard.sweeps.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("model=mlp_tiny", "trainer.max_epochs=1", "logger=none")


def start(*words: str) -> subprocess.Popen[str]:
    """``python train.py -m`` in the background."""
    return subprocess.Popen(
        [sys.executable, "train.py", "-m", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what runs in the background ignores it
    )


def wait_for(path: Path, driver: subprocess.Popen[str]) -> None:
    while not path.exists():
        time.sleep(0.05)
        assert driver.poll() is None, driver.communicate()


def states(folder: Path) -> list[str]:
    return [job.state for job in Ledger.read(folder).jobs]
