"""Starts the processes of a run that trains on several devices of this machine, and ends all of them when one dies.

Lightning starts ``sys.argv`` once more: right for ``train.py``, but wrong for ``netyard train``, a job of a sweep or a
notebook. It consults its cluster environment first, which is replaced here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from types import TracebackType

import torch
from lightning.pytorch.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    LSFEnvironment,
    MPIEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from netyard.errors import lost_peer
from netyard.training.distributed import RankCommand

_PERIOD = 5.0  # seconds between two checks of the other processes
_HANGS = 8.0  # seconds after which a process that waits for a dead one is taken to hang in a collective
_EXTERNAL = (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment)


class RankProcesses(LightningEnvironment):
    """Lightning's environment of one machine, whose other ranks are ``python -m netyard.cli.rank ...``.

    As a context manager around training: a run that ends well leaves the process as it found it; one that is
    interrupted takes the other ranks along.
    """

    def __init__(self, command: RankCommand) -> None:
        super().__init__()
        self.command = command
        self.processes: list[subprocess.Popen[bytes]] = []
        self._before: dict[str, str | None] = {}
        self._ended = threading.Event()

    def validate_settings(self, num_devices: int, num_nodes: int) -> None:
        """Called by Lightning before it would start processes; with ``LOCAL_RANK`` set, it starts none."""
        super().validate_settings(num_devices=num_devices, num_nodes=num_nodes)
        if not self.creates_processes_externally:
            self._start(num_devices, num_nodes)

    def __enter__(self) -> RankProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        elif not issubclass(kind, Exception):  # Ctrl-C, which Lightning turns into SystemExit
            self.kill()

    def kill(self) -> None:
        """End the other ranks at once."""
        for each in self.processes:
            each.kill()

    def _start(self, num_devices: int, num_nodes: int) -> None:
        variables = {
            "MASTER_ADDR": self.main_address,
            "MASTER_PORT": str(self.main_port),
            "NODE_RANK": str(self.node_rank()),
            "LOCAL_RANK": str(self.local_rank()),
            "WORLD_SIZE": str(num_devices * num_nodes),
        }
        self._before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        for rank in range(1, num_devices):
            # The child must import the same modules, whatever directory this program was started from.
            path = os.pathsep.join(each for each in sys.path if each)
            environment = {**os.environ, "LOCAL_RANK": str(rank), "PYTHONPATH": path}
            self.processes.append(subprocess.Popen(self.command.argv(), env=environment, cwd=self.command.folder))
        if self.processes:
            threading.Thread(target=self._watch, daemon=True, name="netyard-ranks").start()

    def _watch(self) -> None:
        """After a rank has died, end this process with a message, and the others with it, if it hangs in a collective.

        Most collectives fail by themselves and raise an error with more detail; hence the wait.
        """
        while not any(codes := [each.poll() for each in self.processes]):
            if self._ended.wait(_PERIOD) or all(code == 0 for code in codes):
                return
        if self._ended.wait(_HANGS):
            return
        lost = lost_peer("it has died")
        print(f"error: {lost}", file=sys.stderr, flush=True)
        self.kill()
        os._exit(lost.exit_code)  # the main thread is inside a collective, where no exception reaches it

    def _end(self) -> None:
        self._ended.set()
        # A process group that stays would make the next fit of a notebook take itself for this one.
        if self._before and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before = {}
        deadline = time.monotonic() + _HANGS
        for each in self.processes:
            try:
                each.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                each.kill()


def cluster_environment(command: RankCommand | None) -> RankProcesses | None:
    """``RankProcesses``; None under torchrun or a cluster, which start processes themselves, or without a command."""
    known: tuple[type[ClusterEnvironment], ...] = _EXTERNAL
    if command is None or any(each.detect() for each in known):
        return None
    return RankProcesses(command)
