"""A process that has imported torch and Lightning once, and makes every job of a sweep by forking.

``python -m netyard.sweeps.runners.fork_server DESCRIPTOR`` is started by ``runners.local.Pool`` and speaks with it in
lines of JSON. A job starts in a fraction of a second, yet is a process of its own: what it does to seeds, loggers or
memory, and how it dies, touches no other. One process is forked ahead, so that the next job need not wait for that. The
jobs end with the server, and the server with the driver.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import re
import select
import signal
import socket
import sys
import time
import traceback
import weakref
from collections.abc import Callable
from typing import Any

from netyard.config.compose import compose
from netyard.io import redact
from netyard.io.process import end_with_parent
from netyard.sweeps.runners.messages import Messages

LATE = (  # what is imported only when it is used: by optimizers, loggers, tables, pictures
    "torch._dynamo",
    "torch.utils.tensorboard",
    "tensorboard.plugins.hparams.plugin_data_pb2",
    "rich._emoji_codes",
    *(f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
)
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
    """Reads orders, has a process ready for the next one, and tells of every child that has ended."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.children: dict[int, int] = {}  # process -> number of the job
        self._ready: tuple[int, socket.socket] | None = None  # the process that waits for an order, and how it is told
        self._heard = Messages()
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        self._wakers = (self._wake, wake)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> dict[str, Any] | None:
        """Until the driver hangs up; in a forked child, returns what the child is to do, or that it is nothing."""
        _warm_up()
        self._say({"ready": _count_devices()})
        some_need = _modules()
        while True:
            if self._ready is None and (orders := self._fork()):
                return _read_order(orders)
            spare_time = bool(self.children and some_need)
            ready, _, _ = select.select([self.channel.fileno(), self._wake], [], [], 0 if spare_time else None)
            if spare_time and not ready:
                _import(some_need.pop())
                if not some_need:
                    _freeze()
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._reap()
            if self.channel.fileno() in ready:
                heard = self._hear()
                if heard is None:
                    self._end_all()
                    return None
                for order in heard:
                    if "signal" in order:
                        self._signal(order["number"], order["signal"])
                        continue
                    if self._ready is None and (orders := self._fork()):
                        return _read_order(orders)
                    self._hand_over(order)

    def _fork(self) -> socket.socket | None:
        """Have a process ready; in that process returns where its order will come from."""
        ours, theirs = socket.socketpair()
        process = os.fork()
        if process:
            theirs.close()
            self._ready = process, ours
            return None
        os.setpgid(0, 0)
        end_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in self._wakers:
            os.close(each)
        self.channel.close()
        ours.close()
        return theirs

    def _hand_over(self, order: dict[str, Any]) -> None:
        """Should the process have died in waiting, it is told of as the end of this job."""
        assert self._ready is not None
        process, orders = self._ready
        self._ready = None
        self.children[process] = order["number"]
        with orders, contextlib.suppress(OSError):
            orders.sendall(json.dumps(order).encode())

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            number = self.children.pop(process, None)
            if self._ready is not None and process == self._ready[0]:
                self._ready[1].close()
                self._ready = None
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
        return self._heard.whole(received)

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more: the next read will tell
            self.channel.sendall(json.dumps(message).encode() + b"\n")


def _kill(process: int, signal_number: int) -> None:
    """SIGKILL goes to the whole group of a job; anything milder to the job itself, which tells its own children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if signal_number == signal.SIGKILL else os.kill)(process, signal_number)


def _warm_up() -> None:
    """Import and compose what every job would, or most; what is made here is shared with all of them."""
    from omegaconf import OmegaConf

    config, _ = compose(["seed=0"])  # an override, so that Hydra's grammar is ready too
    targets = re.findall(r"_target_: (netyard[\w.]*)\.", OmegaConf.to_yaml(config))
    for name in ("netyard.training.fit", *targets, *LATE):
        _import(name)
    _freeze()


def _modules() -> list[str]:
    """All of netyard, of which a job needs some."""
    import netyard

    modules = [module.name for module in pkgutil.walk_packages(netyard.__path__, "netyard.")]
    return [name for name in modules if not name.endswith("__main__")]


def _import(name: str) -> None:
    with contextlib.suppress(ImportError):  # of an extra that is not there
        importlib.import_module(name)


def _freeze() -> None:
    """What there is by now belongs to the server: no job looks through it for garbage, or tidies it up at its end."""
    for each in weakref.finalize._registry:  # type: ignore[attr-defined]
        each.atexit = False
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


def _read_order(orders: socket.socket) -> dict[str, Any] | None:
    """In the child: waits for what it is to do; None if the server has ended."""
    with orders, orders.makefile() as file:
        text = file.read()
    return json.loads(text) if text else None


def _be_the_job(order: dict[str, Any]) -> int:
    """In the child: a console, devices and threads of its own, then what ``python train.py`` does."""
    console = os.open(order["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(ours, theirs)
    os.environ.update(order["environment"])

    if order["threads"]:
        os.environ["OMP_NUM_THREADS"] = str(order["threads"])  # for processes that the job starts
    try:
        return _job()(order["arguments"], order["threads"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        print(redact.text(traceback.format_exc()), file=sys.stderr)
        return 1


def _job() -> Callable[[list[str], int | None], int]:
    """``netyard.cli.train.job``, by name: the command line stands above sweeps, and starts this server."""
    return importlib.import_module("netyard.cli.train").job


if __name__ == "__main__":
    main(int(sys.argv[1]))
