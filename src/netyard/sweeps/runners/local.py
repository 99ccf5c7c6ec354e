"""Jobs as processes of their own on a pool of devices, made by a warm fork server."""

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
from netyard.sweeps.runners.messages import Messages

GRACE = 15.0  # seconds a job has to save itself after it was asked to end


@dataclass(frozen=True)
class Ending:
    """How the process of a job ended: an exit code, negative for a signal, and whether we ended it."""

    number: int
    code: int
    seconds: float
    timed_out: bool = False
    note: str = ""

    @property
    def story(self) -> str:
        """In words, for a job that left no word of its own."""
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
    began: float
    kill_at: float = float("inf")
    timed_out: bool = False


class Pool:
    """Runs jobs, at most as many at once as there are slots: ``jobs_per_device`` for each device.

    Args:
        timeout: seconds after which a job is asked to end, and ``GRACE`` later ended.
        flags: of the command line, for every job: --config-dir, and what Hydra itself is told.
        inherit: descriptors that server and jobs hold as long as they live.

    Raises:
        ConfigError: devices that do not exist.
        PlatformError: the fork server does not come up.
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
        """Start job ``number`` in ``folder``, or continue it there; what it prints goes to ``console.log``."""
        what = [override("resume", folder)] if resumed else [*overrides, override("hydra.run.dir", folder)]
        slot = min(set(range(self.size)) - {each.slot for each in self._running.values()})
        self._running[number] = _Running(slot, time.monotonic())
        self._tell(
            {
                "number": number,
                "arguments": [*self._flags, *what],
                "console": str(folder / "console.log"),
                "environment": self._environments[slot],
                "threads": self._threads,
            }
        )

    def wait(self, seconds: float | None = None) -> list[Ending]:
        """The jobs that have ended; waits for one, ``seconds`` at most, and minds those that run for too long."""
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        while self._running:
            now = time.monotonic()
            for number, job in self._running.items():
                if self.timeout and not job.timed_out and now - job.began > self.timeout:
                    job.timed_out = True
                    self._end(number, signal.SIGTERM)
                elif now > job.kill_at:
                    self._end(number, signal.SIGKILL)
            endings = self._hear(max(0.0, min(0.5, deadline - now)))
            if endings or time.monotonic() > deadline:
                return endings
        return []

    def stop(self, signal_number: int) -> list[Ending]:
        """Ask every job to save itself and end; returns how they did. A second Ctrl-C ends them at once."""
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
        self._channel.close()  # the server ends its jobs and itself
        self._server.wait()

    def _end(self, number: int, signal_number: int) -> None:
        self._running[number].kill_at = time.monotonic() + GRACE
        self._tell({"number": number, "signal": signal_number})

    def _start_server(self) -> tuple[socket.socket, int]:
        if not hasattr(os, "fork"):
            raise PlatformError(
                f"hydra/launcher=local forks processes, and {sys.platform} cannot;",
                "launchers without: basic, and those of Hydra's plugins;",
                "try hydra/launcher=basic.",
            )
        ours, theirs = socket.socketpair()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "netyard.sweeps.runners.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno(), *self._inherit],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._channel, self._heard = ours, Messages()
        messages = self._messages(None)
        if not messages:
            self._server.wait()
            raise PlatformError(
                "the process that starts a sweep's jobs ended before it began;",
                "it imports what python train.py imports, and says above what it missed;",
                "try the same command without -m.",
            )
        return ours, int(messages[0]["ready"])

    def _hear(self, seconds: float) -> list[Ending]:
        messages = self._messages(seconds)
        if messages is None:
            return self._mourn()
        return [self._ended(message["ended"], message["code"]) for message in messages]

    def _ended(self, number: int, code: int) -> Ending:
        job = self._running.pop(number)
        return Ending(number, code, time.monotonic() - job.began, job.timed_out)

    def _mourn(self) -> list[Ending]:
        """The server died, and its jobs with it: they are said to have been killed, and a new one is started."""
        self._server.wait()
        self._channel.close()
        endings = [self._ended(number, -signal.SIGKILL) for number in self.running]
        self._start_server()
        return endings

    def _messages(self, seconds: float | None) -> list[dict[str, Any]] | None:
        """What the server has said, once it has said something or ``seconds`` are over; None when it is gone."""
        if not select.select([self._channel], [], [], seconds)[0]:
            return []
        received = self._channel.recv(65536)
        if not received:
            return None
        return self._heard.whole(received)

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the next read finds out
            self._channel.sendall(json.dumps(message).encode() + b"\n")


def slots(
    devices: str | int | Sequence[int | str], jobs_per_device: int | str, devices_per_job: int, gpus: int
) -> tuple[list[dict[str, str]], int | None]:
    """The environment of each job that may run at once, and the CPU threads of each (None: as many as torch takes).

    ``devices``: auto, cpu, how many, or which GPUs. On the CPU a job of two threads for every two cores.

    Raises:
        ConfigError: devices that are not there, or fewer than a job wants.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
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
        return [{"CUDA_VISIBLE_DEVICES": ""} if gpus else {}] * count, max(1, cores // count)
    groups = [chosen[at : at + devices_per_job] for at in range(0, len(chosen), devices_per_job)]
    groups = [group for group in groups if len(group) == devices_per_job]
    if not groups:
        raise ConfigError(
            f"launcher.devices_per_job is {devices_per_job}, and there are {len(chosen)} GPUs;",
            "a job runs on devices of this machine;",
            f"try launcher.devices_per_job={len(chosen)}.",
        )
    count = 1 if jobs_per_device == "auto" else int(jobs_per_device)
    environments = [{"CUDA_VISIBLE_DEVICES": ",".join(group)} for _ in range(count) for group in groups]
    return environments, max(1, cores // len(environments))
