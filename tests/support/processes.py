"""Starts processes for a test; they and their children end with the test at the latest."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
MARK = "NETYARD_STARTED_BY"


def _heard() -> None:
    """Reset SIGINT and SIGHUP, which processes started in the background ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _deaf_to_hangup() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Processes:
    """Starts Python in the background; its children inherit an environment variable by which they are found."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self, *words: str, cwd: Path = ROOT, nohup: bool = False, stderr: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        """``python WORDS``; ``nohup`` as the command of that name does it."""
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=cwd,
            env={**os.environ, "OMP_NUM_THREADS": "1", MARK: self.mark, **environment},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
            preexec_fn=_deaf_to_hangup if nohup else _heard,
        )
        self._started.append(process)
        return process

    def run(self, *words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        """Start it and wait for its end."""
        process = self.start(*words, cwd=cwd, **environment)
        out, err = process.communicate(timeout=5 * PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def left(self) -> list[int]:
        """Every process that was started, or that one of them has started."""
        mark, found = f"{MARK}={self.mark}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def end(self) -> None:
        """Kill all of them."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()
