"""The ranks of one run: rank 0 claims the run directory and sends its path to the others.

Imports torch only when ranks communicate.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netyard.errors import ConfigError, LostPeer, NetyardError
from netyard.io.process import is_main_process
from netyard.run_directories.directory import RunDir

_STORES: list[Any] = []  # alive as long as the process: a rank may ask late
_GRACE = 10.0  # seconds that a failed rank leaves rank 0 to print the message
_PATIENCE = 3.0  # seconds that rank 0 waits for the error of a lost rank
_FIRST_ERROR = "netyard/died_of"  # key in the store that the ranks share


@dataclass(frozen=True)
class RankCommand:
    """The command that starts another rank of a run."""

    arguments: tuple[str, ...]
    """Arguments as for ``train.py``; the last one is the directory of the run."""
    folder: str
    """The working directory of rank 0, to which relative paths in the arguments refer."""

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "netyard.cli.rank", *self.arguments]


def under_torchrun() -> bool:
    """Whether torchrun has started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank_overrides(overrides: Sequence[str], sweeping: bool) -> list[str]:
    """The overrides of this process; ranks other than 0 get no run directory of their own.

    Raises:
        ConfigError: torchrun has started a sweep, or this rank cannot learn the run directory.
    """
    if under_torchrun() and sweeping:
        raise ConfigError(
            f"torchrun has started this sweep {os.environ['WORLD_SIZE']} times;",
            "a sweep has one driver, and its jobs are started by a launcher;",
            "take torchrun out; jobs of several processes are made by trainer=ddp trainer.devices=2.",
        )
    has_directory = any(text.startswith("hydra.run.dir=") for text in overrides)
    if is_main_process() or sweeping:
        return list(overrides)
    if not has_directory and not under_torchrun():
        raise ConfigError(
            "this process is not the first of its run, and has no run directory;",
            "processes of torchrun get it from the first, and those of srun from the command line;",
            "try hydra.run.dir='outputs/${oc.env:SLURM_JOB_ID}', or torchrun.",
        )
    # Until ``shared_run_dir`` has the real path, "." stands for it. Only rank 0 writes Hydra's own files.
    return [*overrides, *([] if has_directory else ["hydra.run.dir=."]), "hydra.output_subdir=null"]


def wait_for_rank_0_message() -> None:
    """Delay the exit of a failed rank, so that rank 0 can print the error.

    torchrun stops all ranks as soon as one has failed; it also stops this one, once rank 0 has ended.
    """
    if under_torchrun():
        time.sleep(_GRACE)


def started_by_netyard() -> bool:
    """Whether rank 0 has started this process, as ``RankProcesses`` does, for another device of its run."""
    return not is_main_process() and "LOCAL_RANK" in os.environ and not under_torchrun()


def original_error(error: Exception, explain: Callable[[BaseException], NetyardError | None]) -> Exception:
    """The error to report: on rank 0, which only sees a lost connection, the error that ended the other rank.

    Any other rank stores its error for rank 0 and returns it unchanged.

    Args:
        explain: an exception -> the message for users; None for a bug.
    """
    lost = isinstance(explain(error), LostPeer)
    store = _store()
    if store is None or lost != is_main_process():
        return error
    if not lost:
        mistake = explain(error)
        code = mistake.exit_code if mistake else 1
        with contextlib.suppress(RuntimeError):  # rank 0 has ended as well
            store.set(_FIRST_ERROR, f"{code} {mistake or repr(error)}")
        return error
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(RuntimeError):
        while not store.check([_FIRST_ERROR]) and time.monotonic() < deadline:
            time.sleep(0.05)
        if store.check([_FIRST_ERROR]):
            code, _, message = store.get(_FIRST_ERROR).decode().partition(" ")
            cause = NetyardError(message)
            cause.exit_code = int(code)
            return cause
    return error


def _store() -> Any:
    """The key-value store of an initialised process group; None without one."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    from datetime import timedelta

    try:
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        return distributed.TCPStore(
            address, port, is_master=False, wait_for_workers=False, timeout=timedelta(seconds=_PATIENCE)
        )
    except (KeyError, RuntimeError):  # the process that served it has ended
        return None


def shared_run_dir(run_dir: RunDir, trainer: Any) -> RunDir:
    """The run directory of rank 0, in every rank that torchrun has started; without torchrun the argument itself.

    Raises:
        ConfigError: the trainer is for another number of processes.
    """
    if not under_torchrun():
        return run_dir
    _require_same_number(trainer)
    from datetime import timedelta

    from torch.distributed import TCPStore

    # torchrun's agent may serve a store on this port already; then rank 0 connects to it like the others.
    serves = is_main_process() and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    store = TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=serves,
        wait_for_workers=False,
        timeout=timedelta(minutes=5),
        multi_tenant=True,
    )
    _STORES.append(store)
    # The restart count keeps a restarted group from reading the directory of the attempt before.
    key = f"netyard/run_dir/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    if is_main_process():
        store.set(key, str(run_dir.path.resolve()))
        return run_dir
    return RunDir(Path(store.get(key).decode()))


def _require_same_number(trainer: Any) -> None:
    here, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    devices, num_nodes = trainer.get("devices"), trainer.get("num_nodes", 1)
    counted = isinstance(devices, int) and devices > 0  # -1: all there are, which Lightning counts
    if num_nodes != nodes or (counted and devices != here):
        raise ConfigError(
            f"torchrun has started {here} processes on each of {nodes} nodes, and trainer.devices is"
            f" {devices}, trainer.num_nodes {num_nodes};",
            "both must match the arguments of torchrun;",
            f"try trainer=ddp trainer.devices={here} trainer.num_nodes={nodes}.",
        )
