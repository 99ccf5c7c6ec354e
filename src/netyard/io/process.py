"""The role of this process: its rank, and its parent. Imports no torch."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_TRAIN_FILE = Path(__file__).resolve().parents[3] / "train.py"  # in a checkout; an installed wheel has none


def is_main_process() -> bool:
    """Whether this process logs and writes for the run: rank 0 of a distributed run, or the only process."""
    # torchrun sets RANK, and numbers the nodes in its own order, so that SLURM_PROCID would name another process.
    # Without RANK, each of the others that is set must be 0: a launcher may set any of them.
    names = ("RANK",) if "RANK" in os.environ else ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in names)


def end_with_parent() -> None:
    """On Linux: have this process killed when the process that started it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def train_command() -> str:
    """What a user types to train: ``netyard train`` if this process was started as ``netyard``, or has no checkout."""
    started = Path(sys.argv[0]) if sys.argv else Path()
    typed = started.stem == "netyard" or started.match("netyard/__main__.py")
    return "netyard train" if typed or not _TRAIN_FILE.is_file() else "python train.py"
