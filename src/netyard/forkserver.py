"""A process that has imported torch and Lightning once, and makes every job of a sweep by forking.

``python -m netyard.forkserver DESCRIPTOR`` is started by ``sweeps.pool.Pool`` and speaks with it in lines of JSON. A
job starts in a fraction of a second, yet is a process of its own: what it does to seeds, loggers or memory, and how it
dies, touches no other. The jobs end with the server, and the server with the driver.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import time
import traceback
from typing import Any

GRACE = 10.0  # seconds between the request to end and the end


def main(descriptor: int) -> None:
    os.setpgid(0, 0)  # so that Ctrl-C is the driver's
    channel = socket.socket(fileno=descriptor)
    channel.set_inheritable(False)
    order = Server(channel).serve()
    code = 0 if order is None else _be_the_job(order)
    # What was registered to happen at exit happens; the taking apart of a thousand shared modules does not.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Server:
    """Reads orders, forks, and tells of every child that has ended."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.children: dict[int, int] = {}  # process -> number of the job
        self._unread = b""
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        self._wakers = (self._wake, wake)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> dict[str, Any] | None:
        """Until the driver hangs up; in a forked child, returns at once with what the child is to do."""
        _warm_up()
        self._say({"ready": _count_devices()})
        while True:
            ready, _, _ = select.select([self.channel.fileno(), self._wake], [], [])
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._reap()
            if self.channel.fileno() in ready:
                orders = self._hear()
                if orders is None:
                    self._end_all()
                    return None
                for order in orders:
                    if "signal" in order:
                        self._signal(order["number"], order["signal"])
                    elif self._fork(order) == 0:
                        return order

    def _fork(self, order: dict[str, Any]) -> int:
        process = os.fork()
        if process:
            self.children[process] = order["number"]
            return process
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in self._wakers:
            os.close(each)
        self.channel.close()
        return 0

    def _reap(self) -> None:
        while self.children:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            number = self.children.pop(process, None)
            if number is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process, signal.SIGKILL)  # what the job has left behind: ranks, workers of a loader
                self._say({"ended": number, "code": os.waitstatus_to_exitcode(status)})

    def _signal(self, number: int, signal_number: int) -> None:
        for process, job in self.children.items():
            if job == number:
                _kill(process, signal_number)

    def _end_all(self) -> None:
        """The driver is gone: its jobs save what they have and end, or are ended."""
        for process in self.children:
            _kill(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while self.children and time.monotonic() < deadline:
            time.sleep(0.05)
            self._reap()
        for process in self.children:
            _kill(process, signal.SIGKILL)

    def _hear(self) -> list[dict[str, Any]] | None:
        """The whole lines that have arrived; None when the driver has hung up."""
        try:
            received = self.channel.recv(65536)
        except OSError:
            received = b""
        if not received:
            return None
        *lines, self._unread = (self._unread + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more: the next read will tell
            self.channel.sendall(json.dumps(message).encode() + b"\n")


def _kill(process: int, signal_number: int) -> None:
    """SIGKILL goes to the whole group of a job; anything milder to the job itself, which tells its own children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if signal_number == signal.SIGKILL else os.kill)(process, signal_number)


def _warm_up() -> None:
    """Import and compose once what every job would; what is made here is shared with all of them."""
    import netyard
    from netyard import cli

    for module in pkgutil.walk_packages(netyard.__path__, "netyard."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of an extra that is not there
                importlib.import_module(module.name)
    for name in ("torch._dynamo", "torch.utils.tensorboard"):  # optimizers and the logger would
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    cli.compose([])
    gc.collect()
    gc.freeze()


def _count_devices() -> int:
    """How many GPUs there are. Asked in a child: a process that has spoken with a GPU must not fork afterwards."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        with contextlib.suppress(BaseException):
            import torch

            os.write(writer, str(torch.cuda.device_count()).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(process, 0)
    answer = os.read(reader, 16)
    os.close(reader)
    return int(answer or 0)


def _be_the_job(order: dict[str, Any]) -> int:
    """In the child: a group, a console, devices and threads of its own, then what ``python train.py`` does."""
    os.setpgid(0, 0)
    _end_with_parent()
    console = os.open(order["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(ours, theirs)
    os.environ.update(order["environment"])

    from netyard import cli, threads

    if order["threads"]:
        os.environ["OMP_NUM_THREADS"] = str(order["threads"])  # for processes that the job starts
        threads.limit(order["threads"])
    cli.enter_by_door()
    try:
        return cli.train(order["arguments"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def _end_with_parent() -> None:
    """On Linux: should the server be killed, this process is killed too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    main(int(sys.argv[1]))
