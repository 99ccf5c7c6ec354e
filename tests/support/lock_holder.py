"""A process that holds the lock of a run directory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HOLDER = """
import os, sys, time
from pathlib import Path
from netyard.run_directories import lock

lock.acquire(Path(sys.argv[1]))
if sys.argv[2:] == ["fork"] and os.fork():
    os.kill(os.getpid(), 9)  # and a child of it lives on
print("held", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def holder(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lock; with ``fork`` the child of a holder that was killed."""
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
