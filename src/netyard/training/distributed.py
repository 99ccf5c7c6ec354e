"""The processes that torchrun starts for one run: one of them claims its directory, and the others are told of it.

Knows torch only once they speak with each other.
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
_GRACE = 10.0  # seconds
_PATIENCE = 3.0  # seconds
_WORD = "netyard/died_of"


@dataclass(frozen=True)
class RankCommand:
    """How another process of a run is started."""

    arguments: tuple[str, ...]
    """What ``train.py`` would be told; the last names the directory of the run."""
    folder: str
    """Where the first process was started: relative paths in the arguments are from there."""

    def words(self) -> list[str]:
        return [sys.executable, "-m", "netyard.cli.rank", *self.arguments]


def started_together() -> bool:
    """Whether torchrun has started this process and others beside it."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def placed(overrides: Sequence[str], sweeping: bool) -> list[str]:
    """The overrides of this process; any rank but the first gets no directory of its own.

    Raises:
        ConfigError: what was started several times is a sweep, or the ranks cannot find each other.
    """
    if started_together() and sweeping:
        raise ConfigError(
            f"torchrun has started this sweep {os.environ['WORLD_SIZE']} times;",
            "a sweep has one driver, and its jobs are started by a launcher;",
            "take torchrun out; jobs of several processes are made by trainer=ddp trainer.devices=2.",
        )
    knows = any(text.startswith("hydra.run.dir=") for text in overrides)
    if is_main_process() or sweeping:
        return list(overrides)
    if not knows and not started_together():
        raise ConfigError(
            "this process is not the first of its run, and was not told the run's directory;",
            "torchrun's processes tell each other, and those of srun are told;",
            "try hydra.run.dir='outputs/${oc.env:SLURM_JOB_ID}', or torchrun.",
        )
    # One that does not know it yet composes as if it were here. Hydra's own files are written by the first alone.
    return [*overrides, *([] if knows else ["hydra.run.dir=."]), "hydra.output_subdir=null"]


def let_the_first_speak() -> None:
    """Wait before this process, not the first of its run, ends with an error that the first is about to word.

    torchrun stops the others as soon as one of them has failed; it stops this one, once the first has spoken.
    """
    if started_together():
        time.sleep(_GRACE)


def of_lightning() -> bool:
    """Whether Lightning has started this process for another device of a run."""
    return not is_main_process() and "LOCAL_RANK" in os.environ and not started_together()


def first_cause(error: Exception, explain: Callable[[BaseException], NetyardError | None]) -> Exception:
    """The error itself; or of the first process, which finds another one gone, what that one has died of.

    Every other process says what happened to it, and prints nothing.

    Args:
        explain: an error as a user is told it; None of a bug.
    """
    lost = isinstance(explain(error), LostPeer)
    store = _store()
    if store is None or lost != is_main_process():
        return error
    if not lost:
        mistake = explain(error)
        code = mistake.exit_code if mistake else 1
        with contextlib.suppress(RuntimeError):  # the first is gone as well
            store.set(_WORD, f"{code} {mistake or repr(error)}")
        return error
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(RuntimeError):
        while not store.check([_WORD]) and time.monotonic() < deadline:
            time.sleep(0.05)
        if store.check([_WORD]):
            code, _, words = store.get(_WORD).decode().partition(" ")
            told = NetyardError(words)
            told.exit_code = int(code)
            return told
    return error


def _store() -> Any:
    """Where the processes of a run that have found each other leave words for each other: the store they met by."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    from datetime import timedelta

    try:
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        return distributed.TCPStore(
            address, port, is_master=False, wait_for_workers=False, timeout=timedelta(seconds=_PATIENCE)
        )
    except (KeyError, RuntimeError):  # it was served by a process that is gone
        return None


def gathered(run_dir: RunDir, trainer: Any) -> RunDir:
    """The directory of the run, the same in every process that torchrun has started; itself in any other.

    Raises:
        ConfigError: the trainer is for another number of processes.
    """
    if not started_together():
        return run_dir
    _require_same_number(trainer)
    from datetime import timedelta

    from torch.distributed import TCPStore

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
            "both have to say what torchrun was told;",
            f"try trainer=ddp trainer.devices={here} trainer.num_nodes={nodes}.",
        )
