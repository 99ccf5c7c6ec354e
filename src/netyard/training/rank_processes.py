"""Start the processes of a run that trains on several devices of this machine; end all of them when one dies.

Lightning runs ``sys.argv`` again for each device: right for ``train.py``, but wrong for ``netyard train``, a job of a
sweep or a notebook. It consults its cluster environment first, so an environment of our own starts them instead.
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
_HANGS = 8.0  # seconds after a rank died; this process, if it has not failed by then, is blocked in a collective
# These start the processes themselves; Lightning detects them by their environment variables.
_EXTERNAL = (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment)


class RankProcesses(LightningEnvironment):
    """Lightning's environment of one machine, whose other ranks run ``python -m netyard.cli.rank ...``.

    It is a context manager around training: at a normal end it waits for the other ranks and restores environment
    variables and process group; after an interrupt it kills the other ranks.
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
        # Not Exception: Ctrl-C, which Lightning turns into SystemExit. After an ordinary error the other ranks fail by
        # themselves in their next collective, with a message of their own; ``_watch`` ends those that do not.
        elif not issubclass(kind, Exception):
            self.kill()

    def kill(self) -> None:
        """Kill the other ranks."""
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
        # What torch.distributed reads to form the process group.
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
        """After a rank has died, end this process and the others with a message, if it is blocked in a collective.

        Most collectives fail by themselves and raise an error with more detail; hence the wait before this one.
        """
        # A return code of 0 is a rank that has finished; None one that runs; any other one that has died.
        while not any(codes := [each.poll() for each in self.processes]):
            if self._ended.wait(_PERIOD) or all(code == 0 for code in codes):
                return
        if self._ended.wait(_HANGS):
            return
        lost = lost_peer("it has died")
        print(f"error: {lost}", file=sys.stderr, flush=True)
        self.kill()  # they are blocked in the same collective
        os._exit(lost.exit_code)  # the main thread is inside a collective, where no exception reaches it

    def _end(self) -> None:
        self._ended.set()
        # If the process group stayed, the next fit in a notebook would reuse it, with ranks that are gone.
        if self._before and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before = {}
        # One deadline for all: they end at the same time, and each would otherwise get the full wait.
        deadline = time.monotonic() + _HANGS
        for each in self.processes:
            try:
                each.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                each.kill()


def cluster_environment(command: RankCommand | None) -> RankProcesses | None:
    """Return ``RankProcesses``; None without a command, or under torchrun or a cluster, which start the processes."""
    external: tuple[type[ClusterEnvironment], ...] = _EXTERNAL
    if command is None or any(each.detect() for each in external):
        return None
    return RankProcesses(command)
