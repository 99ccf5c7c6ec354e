"""A process that imports torch and Lightning once, and forks every job of a sweep.

``python -m netyard.sweeps.runners.fork_server DESCRIPTOR`` is started by ``runners.local.Pool`` and exchanges
lines of JSON with it. A job starts in a fraction of a second, yet is a process of its own: its seeds, loggers, memory
and crashes affect no other. One process is always forked ahead, so that the next job starts without waiting. The jobs
end with the server, and the server with the driver.
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
from netyard.errors import first_line
from netyard.io import redact
from netyard.io.process import end_with_parent
from netyard.sweeps.runners.messages import LineBuffer

LATE = (  # modules that others import on first use: optimizers (_dynamo alone takes 2 s), loggers, tables, images
    "torch._dynamo",
    "torch.utils.tensorboard",
    "tensorboard.plugins.hparams.plugin_data_pb2",
    "rich._emoji_codes",
    *(f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
)
GRACE = 10.0  # seconds between SIGTERM, on which a job saves a checkpoint, and SIGKILL


def main(descriptor: int) -> None:
    os.setpgid(0, 0)  # a process group of its own: Ctrl-C in the terminal then signals only the driver
    _unblock_interrupt()
    channel = socket.socket(fileno=descriptor)
    # Processes that a job executes must not keep the channel open, or the server would not notice the driver's end.
    channel.set_inheritable(False)
    job = Server(channel).serve()
    code = 0 if job is None else _run_job(job)
    # Run the atexit handlers (loggers, CUDA), but skip the slow teardown of a thousand modules, which would also copy
    # their shared pages.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _unblock_interrupt() -> None:
    """Lift the block of SIGINT that the driver has set for the start, and drop what it has held back."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a pending signal that is ignored is discarded
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, handler)


class Server:
    """Receives jobs, keeps one process forked ahead, and reports every child that has ended."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.children: dict[int, int] = {}  # process -> number of the job
        self._ready: tuple[int, socket.socket] | None = None  # the process forked ahead, and the socket for its job
        self._buffer = LineBuffer()
        # A self-pipe: SIGCHLD writes a byte, so that a child which ends between _reap and select still wakes select.
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        self._wakers = (self._wake, wake)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # the default, to ignore it, would write no byte either

    def serve(self) -> dict[str, Any] | None:
        """Serve until the driver closes the channel. In a forked child returns its job, or None if it gets none."""
        try:
            _warm_up()
        except Exception as error:  # of a package that cannot be imported, as a torchvision for another torch
            self._send({"broken": f"{type(error).__name__}: {first_line(error)}"})
            return None
        self._send({"ready": _count_devices()})
        optional_modules = _modules()
        while True:
            # The child leaves this loop here, with a job or without.
            if self._ready is None and (connection := self._fork()):
                return _read_job(connection)
            # While jobs run, the server imports the other modules one at a time, and polls instead of waiting.
            spare_time = bool(self.children and optional_modules)
            ready, _, _ = select.select([self.channel.fileno(), self._wake], [], [], 0 if spare_time else None)
            if spare_time and not ready:
                _import(optional_modules.pop())
                if not optional_modules:
                    _freeze()
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._reap()
            if self.channel.fileno() in ready:
                received = self._receive()
                if received is None:
                    self._end_all()  # the driver has ended, or was killed
                    return None
                for message in received:
                    if "signal" in message:
                        self._signal(message["number"], message["signal"])
                        continue
                    # Two jobs in one read: the first has taken the process that was forked ahead.
                    if self._ready is None and (connection := self._fork()):
                        return _read_job(connection)
                    self._send_job(message)

    def _fork(self) -> socket.socket | None:
        """Fork a process ahead; in that process returns the socket on which its job will arrive."""
        own_end, child_end = socket.socketpair()
        process = os.fork()
        if process:
            child_end.close()
            self._ready = process, own_end
            return None
        # In the child. Its own process group holds all that it starts, so that SIGKILL reaches its workers too.
        os.setpgid(0, 0)
        end_with_parent()  # by the kernel, also if the server is killed
        # Undo what belongs to the server: its signals, its pipe, and its channel to the driver.
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in self._wakers:
            os.close(each)
        self.channel.close()
        own_end.close()
        return child_end

    def _send_job(self, job: dict[str, Any]) -> None:
        """Send a job to the process forked ahead. If that has died, ``_reap`` reports it as the end of this job."""
        assert self._ready is not None
        process, connection = self._ready
        self._ready = None
        self.children[process] = job["number"]
        with connection, contextlib.suppress(OSError):
            connection.sendall(json.dumps(job).encode())  # closing the connection marks the end of the message

    def _reap(self) -> None:
        while True:  # several children may have ended since the last signal: SIGCHLD is not queued
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            number = self.children.pop(process, None)
            if self._ready is not None and process == self._ready[0]:  # killed before it had a job
                self._ready[1].close()
                self._ready = None
            if number is not None:
                # Remaining child processes of the job: ranks, data loader workers.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process, signal.SIGKILL)
                self._send({"ended": number, "code": os.waitstatus_to_exitcode(status)})

    def _signal(self, number: int, signal_number: int) -> None:
        for process, job in self.children.items():
            if job == number:
                _kill(process, signal_number)

    def _end_all(self) -> None:
        """After the driver has ended: let its jobs save a checkpoint and end, or kill them."""
        for process in self.children:
            _kill(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while self.children and time.monotonic() < deadline:
            time.sleep(0.05)
            self._reap()
        for process in self.children:
            _kill(process, signal.SIGKILL)

    def _receive(self) -> list[dict[str, Any]] | None:
        """The messages that have arrived; None if the driver has closed the channel."""
        try:
            received = self.channel.recv(65536)
        except OSError:
            received = b""
        if not received:
            return None
        return self._buffer.complete(received)

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the driver has ended; the next read notices
            self.channel.sendall(json.dumps(message).encode() + b"\n")


def _kill(process: int, signal_number: int) -> None:
    """SIGKILL goes to the whole process group of a job; other signals to the job itself, which stops its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if signal_number == signal.SIGKILL else os.kill)(process, signal_number)


def _warm_up() -> None:
    """Import modules and compose a config as most jobs will. Forked jobs share this memory (copy-on-write)."""
    from omegaconf import OmegaConf

    config, _ = compose(["seed=0"])  # with an override, so that Hydra loads its parser too
    targets = re.findall(r"_target_: (netyard[\w.]*)\.", OmegaConf.to_yaml(config))
    for name in ("netyard.training.fit", *targets, *LATE):
        _import(name)
    _freeze()


def _modules() -> list[str]:
    """All modules of netyard; each job needs some of them."""
    import netyard

    modules = [module.name for module in pkgutil.walk_packages(netyard.__path__, "netyard.")]
    return [name for name in modules if not name.endswith("__main__")]


def _import(name: str) -> None:
    with contextlib.suppress(ImportError):  # an optional extra that is not installed
        importlib.import_module(name)


def _freeze() -> None:
    """Exclude all present objects from garbage collection and finalizers in the jobs, so that pages stay shared."""
    # Finalizers of the server's objects, as temporary folders, would run at the exit of each job.
    for each in weakref.finalize._registry:  # type: ignore[attr-defined]
        each.atexit = False
    gc.collect()
    gc.freeze()  # a collection writes into the header of each object it visits, which would copy its page


def _count_devices() -> int:
    """The number of GPUs, counted in a child process: one that has initialised CUDA must not fork afterwards."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        with contextlib.suppress(BaseException):
            import torch

            os.write(writer, str(torch.cuda.device_count()).encode())
        os._exit(0)
    os.close(writer)  # or the read below would not see the end of the file
    os.waitpid(process, 0)
    answer = os.read(reader, 16)
    os.close(reader)
    return int(answer or 0)  # nothing was written if CUDA failed in the child


def _read_job(connection: socket.socket) -> dict[str, Any] | None:
    """In the child: wait for the job; None if the server has ended."""
    with connection, connection.makefile() as file:
        text = file.read()
    return json.loads(text) if text else None


def _run_job(job: dict[str, Any]) -> int:
    """In the child: set up console, devices and threads, then run as ``python train.py``; returns the exit code."""
    # By file descriptor, not by sys.stdout: C++ code and child processes write to the same file.
    console = os.open(job["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for opened, standard in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(opened, standard)
    os.environ.update(job["environment"])  # CUDA_VISIBLE_DEVICES: read when CUDA is initialised, which comes later

    if job["threads"]:
        os.environ["OMP_NUM_THREADS"] = str(job["threads"])  # for processes that the job starts
    try:
        return _train()(job["arguments"], job["threads"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # nothing above would print it: the process ends by os._exit
        print(redact.text(traceback.format_exc()), file=sys.stderr)
        return 1


def _train() -> Callable[[list[str], int | None], int]:
    """``netyard.cli.train.job``, imported by name, because the layer of sweeps may not import the one of commands."""
    return importlib.import_module("netyard.cli.train").job


if __name__ == "__main__":
    main(int(sys.argv[1]))
