"""A program that Jupyter starts as a kernel: the kernel is forked by the server of warm processes; this one waits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.warm_processes import ADDRESS, WarmProcess, order

SPEC = {"argv": [sys.executable, "-m", "support.warm_kernel", "-f", "{connection_file}"], "display_name": "warm"}

if __name__ == "__main__":
    # The kernel ends when its parent is another process than this variable says.
    environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    words = ["-m", "ipykernel_launcher", *sys.argv[1:]]
    sys.exit(WarmProcess(order(os.environ[ADDRESS], words, Path.cwd(), environment, {1: 1, 2: 2})).wait(timeout=None))
