"""Run jobs as separate processes on a pool of devices, forked from a server that has imported torch."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netyard.config.overrides import override
from netyard.errors import ConfigError, PlatformError
from netyard.io.process import train_command
from netyard.sweeps.runners.messages import LineBuffer

GRACE = 15.0  # seconds between SIGTERM, on which a job saves a checkpoint, and SIGKILL


@dataclass(frozen=True)
class Ending:
    """How the process of a job ended: exit code (negative for a signal), and whether it hit its timeout."""

    number: int
    code: int
    seconds: float
    timed_out: bool = False
    note: str = ""

    @property
    def reason(self) -> str:
        """One line for a job that recorded no reason itself."""
        if self.note:
            return self.note
        if self.timed_out:
            return f"ran past launcher.timeout, {self.seconds:.0f} s"
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code} and no results"


@dataclass
class _Running:
    slot: int
    started: float
    kill_at: float = float("inf")  # in seconds of time.monotonic(), as `started`
    timed_out: bool = False


class Pool:
    """Runs jobs, at most as many at once as there are slots: ``jobs_per_device`` for each device.

    Args:
        timeout: seconds until a job gets SIGTERM, and ``GRACE`` later SIGKILL.
        flags: command line flags for every job: --config-dir, and overrides of Hydra's own keys.
        inherit: file descriptors that the server and its jobs keep open until they end.

    Raises:
        ConfigError: devices that do not exist.
        PlatformError: the fork server does not start.
    """

    def __init__(
        self,
        devices: str | int | Sequence[int | str] = "auto",
        jobs_per_device: int | str = "auto",
        devices_per_job: int = 1,
        timeout: float | None = None,
        flags: Sequence[str] = (),
        inherit: Sequence[int] = (),
    ) -> None:
        self.timeout, self._flags, self._inherit = timeout, list(flags), tuple(inherit)
        self._running: dict[int, _Running] = {}
        # The GPUs are counted by the server: this process imports no torch.
        self._channel, gpus = self._start_server()
        try:
            self._environments, self._threads = slots(devices, jobs_per_device, devices_per_job, gpus)
        except ConfigError:
            self.close()
            raise

    @property
    def size(self) -> int:
        return len(self._environments)

    @property
    def free(self) -> int:
        return self.size - len(self._running)

    @property
    def running(self) -> list[int]:
        return list(self._running)

    def start(self, number: int, overrides: Sequence[str], folder: Path, resumed: bool) -> None:
        """Start or resume job ``number`` in ``folder``; its output goes to ``console.log``."""
        overrides = [override("resume", folder)] if resumed else [*overrides, override("hydra.run.dir", folder)]
        # The lowest free slot: its environment says which devices the job sees.
        slot = min(set(range(self.size)) - {each.slot for each in self._running.values()})
        self._running[number] = _Running(slot, time.monotonic())
        self._send(
            {
                "number": number,
                "arguments": [*self._flags, *overrides],
                "console": str(folder / "console.log"),
                "environment": self._environments[slot],
                "threads": self._threads,
            }
        )

    def wait(self, seconds: float | None = None) -> list[Ending]:
        """Wait for jobs to end, ``seconds`` at most; returns those that did. Stops jobs that exceed the timeout."""
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        while self._running:
            now = time.monotonic()
            for number, job in self._running.items():
                if self.timeout and not job.timed_out and now - job.started > self.timeout:
                    job.timed_out = True
                    self._end(number, signal.SIGTERM)  # and kill_at in GRACE seconds
                elif now > job.kill_at:
                    self._end(number, signal.SIGKILL)
            # Half a second at most, so that timeouts are noticed while no job ends.
            endings = self._receive(max(0.0, min(0.5, deadline - now)))
            if endings or time.monotonic() > deadline:
                return endings
        return []

    def stop(self, signal_number: int) -> list[Ending]:
        """Signal every job to save and end; returns how they ended. A second Ctrl-C kills them at once."""
        endings: list[Ending] = []
        for number in self._running:
            self._end(number, signal_number)
        while self._running:
            try:
                endings += self.wait()
            except KeyboardInterrupt:
                for number in self._running:
                    self._end(number, signal.SIGKILL)
        return endings

    def close(self) -> None:
        self._channel.close()  # the server reads the end of the stream, and ends its jobs and itself
        self._server.wait()

    def _end(self, number: int, signal_number: int) -> None:
        self._running[number].kill_at = time.monotonic() + GRACE
        self._send({"number": number, "signal": signal_number})

    def _start_server(self) -> tuple[socket.socket, int]:
        if not hasattr(os, "fork"):
            raise PlatformError(
                f"hydra/launcher=local forks processes, and {sys.platform} cannot;",
                "the launcher basic and those of Hydra's plugins do not fork;",
                "try hydra/launcher=basic.",
            )
        own_end, server_end = socket.socketpair()
        # Ctrl-C is for the driver alone, also before the server has left its process group: the server inherits the
        # blocked signal, and lifts the block when it has.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "netyard.sweeps.runners.fork_server", str(server_end.fileno())],
                pass_fds=[server_end.fileno(), *self._inherit],  # every other descriptor is closed in the server
                stdin=subprocess.DEVNULL,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        server_end.close()  # or the channel would stay open after the server's death
        self._channel, self._buffer = own_end, LineBuffer()
        try:
            messages = self._messages(None)  # waits for "ready"; the end of the stream if an import failed
        except BaseException:  # a signal: the server would finish its imports before it notices that nobody waits
            own_end.close()
            self._server.kill()
            self._server.wait()
            raise
        if not messages:
            self._server.wait()
            raise PlatformError(
                "the process that starts a sweep's jobs ended while it was starting;",
                f"it imports what {train_command()} imports; its error is above;",
                "try the same command without -m.",
            )
        if broken := messages[0].get("broken"):
            self._server.wait()
            raise PlatformError(
                f"what the jobs of a sweep need cannot be imported: {broken};",
                "netyard doctor imports each package, and says how to install it;",
                "type netyard doctor.",
            )
        return own_end, int(messages[0]["ready"])

    def _receive(self, seconds: float) -> list[Ending]:
        messages = self._messages(seconds)
        if messages is None:
            return self._restart_server()
        return [self._ended(message["ended"], message["code"]) for message in messages]

    def _ended(self, number: int, code: int) -> Ending:
        job = self._running.pop(number)
        return Ending(number, code, time.monotonic() - job.started, job.timed_out)

    def _restart_server(self) -> list[Ending]:
        """After the server has died, and its jobs with it: report the jobs as killed, and start a new server."""
        self._server.wait()
        self._channel.close()
        endings = [self._ended(number, -signal.SIGKILL) for number in self.running]
        self._start_server()
        return endings

    def _messages(self, seconds: float | None) -> list[dict[str, Any]] | None:
        """Messages of the server; empty if none came within ``seconds``, None if the server has ended."""
        if not select.select([self._channel], [], [], seconds)[0]:
            return []
        received = self._channel.recv(65536)
        if not received:
            return None
        return self._buffer.complete(received)

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the server has ended; the next read notices
            self._channel.sendall(json.dumps(message).encode() + b"\n")


def slots(
    devices: str | int | Sequence[int | str], jobs_per_device: int | str, devices_per_job: int, gpus: int
) -> tuple[list[dict[str, str]], int | None]:
    """The environment of each job that may run at once, and the CPU threads of each (None: torch's default).

    ``devices``: auto, cpu, the number of GPUs, or a list of GPUs. On the CPU by default one job for every two cores.

    Raises:
        ConfigError: devices that do not exist, or fewer than one job needs.
    """
    # The affinity respects the limits of a cluster's job, which os.cpu_count() does not.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # A cluster assigns GPUs by this variable, so jobs may only get those that it lists.
    visible = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
    names = visible[:gpus] or [str(index) for index in range(gpus)]
    if devices == "auto":
        chosen = names
    elif devices == "cpu":
        chosen = []
    elif isinstance(devices, int):
        chosen = names[:devices] if 0 < devices <= len(names) else []
    else:
        chosen = [str(each) for each in ([devices] if isinstance(devices, str) else devices)]
    if devices not in ("auto", "cpu") and (not chosen or set(chosen) - set(names)):
        raise ConfigError(
            f"launcher.devices is {devices}, and the GPUs here are {', '.join(names) or 'none'};",
            "devices are auto, cpu, a number of GPUs, or a list of them;",
            "try launcher.devices=auto.",
        )
    if not chosen:
        count = max(1, cores // 2) if jobs_per_device == "auto" else int(jobs_per_device)
        # With GPUs in the machine, an empty list hides them from a job that is to use the CPU.
        return [{"CUDA_VISIBLE_DEVICES": ""} if gpus else {}] * count, max(1, cores // count)
    groups = [chosen[at : at + devices_per_job] for at in range(0, len(chosen), devices_per_job)]
    groups = [group for group in groups if len(group) == devices_per_job]  # the remaining GPUs stay idle
    if not groups:
        raise ConfigError(
            f"launcher.devices_per_job is {devices_per_job}, and there are {len(chosen)} GPUs;",
            "a job runs on devices of this machine;",
            f"try launcher.devices_per_job={len(chosen)}.",
        )
    count = 1 if jobs_per_device == "auto" else int(jobs_per_device)
    # Round robin: the first jobs get different devices before any device has a second job.
    environments = [{"CUDA_VISIBLE_DEVICES": ",".join(group)} for _ in range(count) for group in groups]
    return environments, max(1, cores // len(environments))
