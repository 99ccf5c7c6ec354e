"""Processes that need not import torch and Lightning, which takes most of the time of a short run.

Run as a program, a server that has imported what a run needs, and forks a process for each order it reads: one that
does what ``python WORDS`` does, in a session, a working directory and an environment of its own. Its output is written
to files, and when it has ended, its code.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from netyard.sweeps.runners import fork_server
from support.waiting import PATIENCE, wait_until


class WarmProcess:
    """The methods of ``subprocess.Popen`` that tests use, of a process that is the server's child."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.returncode: int | None = None
        self.pid = int(wait_until(lambda: self._read("pid"), "a process of the server"))

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def poll(self) -> int | None:
        if self.returncode is None and (code := self._read("code")):
            self.returncode = int(code)
        return self.returncode

    def wait(self, timeout: float = PATIENCE) -> int:
        self.returncode = int(wait_until(lambda: self._read("code"), f"the end of process {self.pid}", timeout))
        return self.returncode

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """What it has written to stdout and to stderr, once it has ended."""
        self.wait(timeout)
        return self._read("stdout"), self._read("stderr")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WarmServer:
    """Starts processes without their imports."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._server: subprocess.Popen[str] | None = None  # started with the first process

    def start(
        self, words: tuple[str, ...], cwd: Path, environment: Mapping[str, str], *, merged: bool, nohup: bool
    ) -> WarmProcess:
        """``python WORDS``; ``merged`` writes what it says on stderr to its stdout, ``nohup`` ignores SIGHUP."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(parents=True)
        order = {"words": words, "cwd": str(cwd), "environment": dict(environment)}
        order |= {"folder": str(folder), "merged": merged, "nohup": nohup}
        self._server = self._server or self._started()
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return WarmProcess(folder)

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "support.warm_processes"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def close(self) -> None:
        if self._server:
            self._server.communicate(timeout=60)


def main() -> None:
    fork_server._warm_up()  # what most runs need
    children: dict[int, Path] = {}
    orders = os.fdopen(0, "rb", buffering=0)  # unbuffered, so that select sees every order that is left
    while True:
        if select.select([orders], [], [], 0.02 if children else None)[0]:
            line = orders.readline()
            if not line:
                return
            order = json.loads(line)
            folder = Path(order["folder"])
            process = os.fork()
            if process == 0:
                become(**order)
            children[process] = folder
            write(folder / "pid", process)
        for process, folder in [*children.items()]:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                write(folder / "code", os.waitstatus_to_exitcode(status))
                del children[process]


def become(words: list[str], cwd: str, environment: dict[str, str], folder: str, merged: bool, nohup: bool) -> None:
    """In the forked process: do what ``python WORDS`` does, and end."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    streams = [os.open(os.devnull, os.O_RDONLY)]
    streams += [os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in ("stdout", "stderr")]
    for standard, opened in enumerate((streams[0], streams[1], streams[1 if merged else 2])):
        os.dup2(opened, standard)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        run(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # as Python does first when it ends
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run(words: list[str]) -> None:
    path = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    first, *arguments = words
    if first == "-c":
        program, *arguments = arguments
        sys.argv, sys.path[:0] = ["-c", *arguments], ["", *path]
        main_module = ModuleType("__main__")
        sys.modules["__main__"] = main_module
        exec(compile(program, "<string>", "exec"), main_module.__dict__)
    else:
        sys.argv, sys.path[:0] = words, [str(Path(first).resolve().parent), *path]
        runpy.run_path(first, run_name="__main__")


def write(path: Path, number: int) -> None:
    """At once whole, for another process is waiting for it."""
    draft = path.with_suffix(".draft")
    draft.write_text(str(number), encoding="utf-8")
    draft.rename(path)


if __name__ == "__main__":
    main()
