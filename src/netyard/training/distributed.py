"""The ranks of a distributed run: rank 0 creates the run directory and sends its path to the others.

Imports torch only when ranks communicate: this module is used before torch is imported.
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

_STORES: list[Any] = []  # kept until the process ends: another rank may read the store late
_GRACE = 10.0  # seconds that a failed rank waits for rank 0 to print the message
_PATIENCE = 3.0  # seconds that rank 0 waits for the error of another rank
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
    """Whether torchrun has started this process as one of several ranks."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank_overrides(overrides: Sequence[str], sweeping: bool) -> list[str]:
    """Return the overrides for this process; ranks other than 0 get no run directory of their own.

    Raises:
        ConfigError: torchrun has started a sweep, or this rank has no way to get the run directory.
    """
    if under_torchrun() and sweeping:
        raise ConfigError(
            f"torchrun has started this sweep {os.environ['WORLD_SIZE']} times;",
            "a sweep has one driver, and its jobs are started by a launcher;",
            "take torchrun out; jobs of several processes are made by trainer=ddp trainer.devices=2.",
        )
    # The default run directory contains the time, so each rank would compute another one.
    has_directory = any(text.startswith("hydra.run.dir=") for text in overrides)
    if is_main_process() or sweeping:
        return list(overrides)
    if not has_directory and not under_torchrun():
        raise ConfigError(
            "this process is not the first of its run, and has no run directory;",
            "processes of torchrun get it from the first, and those of srun from the command line;",
            "try hydra.run.dir='outputs/${oc.env:SLURM_JOB_ID}', or torchrun.",
        )
    # "." is a placeholder until ``shared_run_dir`` returns the real path. Only rank 0 writes Hydra's files.
    return [*overrides, *([] if has_directory else ["hydra.run.dir=."]), "hydra.output_subdir=null"]


def wait_for_rank_0_message() -> None:
    """Delay the exit of a failed rank, so that rank 0 can print the error.

    torchrun stops all ranks as soon as one has exited with an error; so if this rank exited first, rank 0 would be
    stopped before its message. Once rank 0 has ended, torchrun stops this rank, so the wait is rarely the full time.
    """
    if under_torchrun():
        time.sleep(_GRACE)


def started_by_netyard() -> bool:
    """Whether ``RankProcesses`` of rank 0 has started this process, for another device of the run."""
    return not is_main_process() and "LOCAL_RANK" in os.environ and not under_torchrun()


def original_error(error: Exception, explain: Callable[[BaseException], NetyardError | None]) -> Exception:
    """Return the error to report: on rank 0, if it only saw a lost connection, the error that ended the other rank.

    Any other rank stores its error for rank 0 and gets it back unchanged.

    Args:
        explain: returns the error with the message for users; None if the exception is a bug.
    """
    lost = isinstance(explain(error), LostPeer)
    store = _store()
    # Only two cases need the store: rank 0 with a lost connection, and another rank with an error of its own.
    if store is None or lost != is_main_process():
        return error
    if not lost:
        explained = explain(error)
        code = explained.exit_code if explained else 1
        with contextlib.suppress(RuntimeError):  # rank 0 has ended as well
            store.set(_FIRST_ERROR, f"{code} {explained or repr(error)}")
        return error
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(RuntimeError):
        # Connections break before the failed rank has stored its error.
        while not store.check([_FIRST_ERROR]) and time.monotonic() < deadline:
            time.sleep(0.05)
        if store.check([_FIRST_ERROR]):
            code, _, message = store.get(_FIRST_ERROR).decode().partition(" ")
            cause = NetyardError(message)
            cause.exit_code = int(code)
            return cause
    return error


def _store() -> Any:
    """Connect to the key-value store of the process group; None if there is no process group."""
    # sys.modules: if torch.distributed was never imported, there is no group, and importing it would take a second.
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
    """Return the run directory of rank 0, on every rank that torchrun has started; without torchrun ``run_dir`` itself.

    Raises:
        ConfigError: the trainer is configured for another number of processes.
    """
    if not under_torchrun():
        return run_dir
    _require_same_number(trainer)
    from datetime import timedelta

    from torch.distributed import TCPStore

    # torchrun's agent may already serve a store on this port; then rank 0 is a client like the others.
    serves = is_main_process() and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    store = TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=serves,
        wait_for_workers=False,
        timeout=timedelta(minutes=5),  # how long a rank waits for rank 0
        multi_tenant=True,  # Lightning's process group opens a store on the same port later
    )
    _STORES.append(store)
    # With --max-restarts the store outlives an attempt: the count keeps ranks from reading the directory of the last.
    key = f"netyard/run_dir/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    if is_main_process():
        store.set(key, str(run_dir.path.resolve()))
        return run_dir
    return RunDir(Path(store.get(key).decode()))


def _require_same_number(trainer: Any) -> None:
    here, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    devices, num_nodes = trainer.get("devices"), trainer.get("num_nodes", 1)
    counted = isinstance(devices, int) and devices > 0  # -1 and "auto" are counted by Lightning
    if num_nodes != nodes or (counted and devices != here):
        raise ConfigError(
            f"torchrun has started {here} processes on each of {nodes} nodes, and trainer.devices is"
            f" {devices}, trainer.num_nodes {num_nodes};",
            "both must match the arguments of torchrun;",
            f"try trainer=ddp trainer.devices={here} trainer.num_nodes={nodes}.",
        )
