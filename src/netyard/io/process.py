"""What kind of process this is. Imports no torch."""

from __future__ import annotations

import ctypes
import os
import signal
import sys


def is_main_process() -> bool:
    """Whether this process speaks and writes for the run: rank 0 of a distributed one, or the only one.

    torchrun says the rank; it counts nodes in an order of its own, whatever SLURM calls them.
    """
    names = ("RANK",) if "RANK" in os.environ else ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in names)


def end_with_parent() -> None:
    """On Linux: should the process that started this one be killed, this one is killed too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
