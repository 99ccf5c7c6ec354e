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
from support.warm_processes import MARK, WarmProcess, WarmServer

ROOT = Path(__file__).resolve().parents[2]


def _heard() -> None:
    """Reset SIGINT and SIGHUP, which processes started in the background ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _deaf_to_hangup() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Processes:
    """Starts Python in the background; its children inherit a session or an environment variable, and so are found."""

    def __init__(self, server: WarmServer) -> None:
        self.mark = uuid.uuid4().hex
        self._started: list[subprocess.Popen[str]] = []
        self._server = server
        self._forked: list[WarmProcess] = []

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

    def fork(
        self, *words: str, cwd: Path = ROOT, nohup: bool = False, merged: bool = False, **environment: str
    ) -> WarmProcess:
        """The same without the seconds of importing torch; what it prints can be read once it has ended."""
        inherited = {**os.environ, "OMP_NUM_THREADS": "1", MARK: self.mark, **environment}
        process = self._server.start(words, cwd, inherited, merged=merged, nohup=nohup)
        self._forked.append(process)
        return process

    def run(
        self, *words: str, cwd: Path = ROOT, warm: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Start it, or fork it if ``warm``, and wait for its end."""
        process = (self.fork if warm else self.start)(*words, cwd=cwd, **environment)
        out, err = process.communicate(timeout=5 * PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def left(self) -> list[int]:
        """Every process that was started, or that one of them has started."""
        mark, found = f"{MARK}={self.mark}".encode(), []
        sessions = self._server.sessions(self.mark)
        for folder in Path("/proc").glob("[0-9]*"):
            # It has ended meanwhile, or is another user's.
            with contextlib.suppress(OSError):
                if os.getsid(int(folder.name)) in sessions or mark in (folder / "environ").read_bytes().split(b"\0"):
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
        for process in self._forked:
            process.wait(PATIENCE)
