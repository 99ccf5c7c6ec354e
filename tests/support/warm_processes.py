"""Processes that need not import torch and Lightning, which takes most of the time of a short run.

Run as a program, a server that has imported what a run needs, and forks a process for each order: one that does what
``python WORDS`` does, in a session, a working directory and an environment of its own. All workers of pytest share it.
The driver of a sweep in such a process orders the process that starts its jobs from the same server.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from netyard.io.process import end_with_parent
from netyard.sweeps.runners import fork_server, local
from support.waiting import PATIENCE

TESTS = Path(__file__).parents[1]
ADDRESS = "NETYARD_WARM_SERVER"
"""The environment variable with the server's address, in the processes that it has forked."""
MARK = "NETYARD_STARTED_BY"
"""The environment variable by which the processes of a test are known."""


class WarmProcess:
    """The methods of ``subprocess.Popen`` that are used of a process which is the server's child."""

    def __init__(self, connection: socket.socket, folder: Path | None = None) -> None:
        self._answers, self._folder = connection.makefile(), folder
        self._connection = connection
        self.returncode: int | None = None
        self.pid = int(self._answers.readline())  # the server may be importing still

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = PATIENCE) -> int:
        if self.returncode is None and not select.select([self._connection], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return self.returncode if self.returncode is not None else self._end()

    def _end(self) -> int:
        self.returncode = int(self._answers.readline())
        self._answers.close()
        self._connection.close()
        return self.returncode

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """What it has written to stdout and to stderr, once it has ended."""
        self.wait(timeout)
        assert self._folder is not None
        out, err = ((self._folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return out, err

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WarmServer:
    """Starts processes without their imports; ``folder`` is the same for all workers of pytest."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.address = f"netyard-{folder.stat().st_ino}-{folder.parent.name}"
        self._server: subprocess.Popen[bytes] | None = None
        self._lease: socket.socket | None = None

    def start(
        self, words: tuple[str, ...], cwd: Path, environment: Mapping[str, str], *, merged: bool, nohup: bool
    ) -> WarmProcess:
        """``python WORDS``; ``merged`` writes what it says on stderr to its stdout, ``nohup`` ignores SIGHUP."""
        self._count += 1
        folder = self._folder / f"{os.getpid()}-{self._count}"
        folder.mkdir()
        with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
            outputs = {1: out.fileno(), 2: out.fileno() if merged else err.fileno()}
            return WarmProcess(self.order(words, cwd, environment, outputs, nohup=nohup), folder)

    def order(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        descriptors: Mapping[int, int],
        nohup: bool = False,
    ) -> socket.socket:
        """``python WORDS`` with these descriptors: the number in that process, and the number here."""
        self._require()
        return order(self.address, words, cwd, environment, descriptors, nohup)

    def environment(self) -> dict[str, str]:
        """Variables of a process that orders others of this server by itself."""
        self._require()
        return {ADDRESS: self.address, "PYTHONPATH": str(TESTS)}

    def starter(self) -> SimpleNamespace:
        """See the function of this name: for a driver of a sweep in this process."""
        self._require()
        return starter(self.address)

    def sessions(self, mark: str) -> set[int]:
        """The sessions of the processes with this mark, which are those of their children too."""
        return {int(path.name) for path in self._folder.glob(f"{mark}/*")}

    def _require(self) -> None:
        """Start the server, if no other worker has done so."""
        if self._lease is not None:
            return
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._lease = connect(self.address)
            except ConnectionRefusedError:
                # The socket is open before the imports, which the first order waits for.
                opened = socket.socket(socket.AF_UNIX)
                opened.bind(f"\0{self.address}")
                opened.listen(64)
                self._lease = connect(self.address)
                self._server = subprocess.Popen(
                    [sys.executable, "-m", "support.warm_processes", str(opened.fileno()), str(self._folder)],
                    cwd=TESTS,
                    pass_fds=[opened.fileno()],
                    start_new_session=True,
                )
                opened.close()
        self._lease.sendall(b"\n")  # an order of nothing: the server stays while this connection is open

    def close(self) -> None:
        if self._lease:
            self._lease.close()
        if self._server:
            self._server.wait()  # until the other workers have ended too


def connect(address: str) -> socket.socket:
    """Return a connection to the server.

    Raises:
        ConnectionRefusedError: there is none.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"\0{address}")
    except OSError:
        connection.close()
        raise
    return connection


def order(
    address: str,
    words: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    descriptors: Mapping[int, int],
    nohup: bool = False,
    may_lead_group: bool = False,
) -> socket.socket:
    """Have a process forked, which owns copies of the descriptors.

    ``may_lead_group``: it leads no session, so that it can become the leader of a process group, as a sweep's does.
    """
    connection = connect(address)
    what = {
        "words": list(words),
        "cwd": str(cwd),
        "environment": {**environment, ADDRESS: address},
        "nohup": nohup,
        "may_lead_group": may_lead_group,
    }
    text = json.dumps({**what, "numbers": list(descriptors)})
    socket.send_fds(connection, [text.encode() + b"\n"], [*descriptors.values()])
    return connection


class Server:
    """Reads orders, forks a process for each, and tells when it has ended."""

    def __init__(self, listening: socket.socket, folder: Path) -> None:
        self._listening, self._folder = listening, folder
        self._leases: list[socket.socket] = []
        self._children: dict[int, socket.socket] = {}

    def serve(self) -> None:
        while True:
            sources = [self._listening, *self._leases]
            for source in select.select(sources, [], [], 0.02 if self._children else None)[0]:
                if source is self._listening:
                    self._obey(self._listening.accept()[0])
                else:
                    self._leases.remove(source)  # closed, for nothing is ever sent on it
                    source.close()
            for process in [*self._children]:
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    with self._children.pop(process) as connection, contextlib.suppress(OSError):
                        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            if not self._leases:
                return

    def _obey(self, connection: socket.socket) -> None:
        text, descriptors, *_ = socket.recv_fds(connection, 1 << 20, 16)
        while not text.endswith(b"\n"):
            text += connection.recv(1 << 20)
        if text == b"\n":
            self._leases.append(connection)
            return
        what = json.loads(text)
        process = os.fork()
        if process == 0:
            for each in (self._listening, connection, *self._leases, *self._children.values()):
                each.close()
            become(descriptors, **what)
        for each in descriptors:
            os.close(each)
        if mark := what["environment"].get(MARK):
            (self._folder / mark).mkdir(exist_ok=True)
            (self._folder / mark / str(process)).touch()
        self._children[process] = connection
        connection.sendall(f"{process}\n".encode())


def become(
    descriptors: list[int],
    words: list[str],
    cwd: str,
    environment: dict[str, str],
    nohup: bool,
    may_lead_group: bool,
    numbers: list[int],
) -> None:
    """In the forked process: do what ``python WORDS`` does, and end."""
    os.setsid()
    if may_lead_group:
        go_on_in_child()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    given = dict(zip(numbers, descriptors, strict=True))
    own(given if 0 in given else {0: os.open(os.devnull, os.O_RDONLY), **given})
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        local.subprocess = starter(environment[ADDRESS])  # type: ignore[assignment]
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


def own(descriptors: Mapping[int, int]) -> None:
    """Give descriptors these numbers."""
    # Out of the way first: one may have the number that another one gets.
    moved = {number: fcntl.fcntl(each, fcntl.F_DUPFD, 1000) for number, each in descriptors.items()}
    for each in descriptors.values():
        os.close(each)
    for number, each in moved.items():
        os.dup2(each, number)
        os.close(each)


def go_on_in_child() -> None:
    """Go on in a child, which does not lead its session and may so lead a group; this process ends as it does."""
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code < 0:
            os.kill(os.getpid(), -code)
        os._exit(code)
    end_with_parent()


def run(words: list[str]) -> None:
    path = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    first, *arguments = words
    if first == "-c":
        program, *arguments = arguments
        sys.argv, sys.path[:0] = ["-c", *arguments], ["", *path]
        main_module = ModuleType("__main__")
        sys.modules["__main__"] = main_module
        exec(compile(program, "<string>", "exec"), main_module.__dict__)
    elif first == "-m":
        sys.argv, sys.path[:0] = arguments, [str(Path.cwd()), *path]
        sys.modules.pop(arguments[0], None)  # which runpy would warn of
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[:0] = words, [str(Path(first).resolve().parent), *path]
        runpy.run_path(first, run_name="__main__")


def starter(address: str) -> SimpleNamespace:
    """The module ``subprocess``, with a ``Popen`` that has the process which starts a sweep's jobs forked, too."""

    def start(words: list[str], *, pass_fds: Sequence[int], stdin: int) -> Any:
        assert words[1:3] == ["-m", fork_server.__name__] and stdin == subprocess.DEVNULL
        nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        descriptors = {number: number for number in (1, 2, *pass_fds)}
        return WarmProcess(order(address, words[1:], Path.cwd(), os.environ, descriptors, nohup, may_lead_group=True))

    return SimpleNamespace(**{**vars(subprocess), "Popen": start})


def main(descriptor: int, folder: Path) -> None:
    fork_server._warm_up()  # what most runs need
    Server(socket.socket(fileno=descriptor), folder).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
