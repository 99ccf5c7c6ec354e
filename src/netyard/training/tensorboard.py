"""Curves for TensorBoard: a logger whose file a full disk cannot fail, and the columns of the HPARAMS tab."""

from __future__ import annotations

import itertools
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import FileWriter

from netyard.callbacks.attach import RunFacts
from netyard.io import redact
from netyard.io.buffered_writer import BufferedWriter
from netyard.run_directories.directory import RunDir
from netyard.training.lightning_internals import OwningSummaryWriter

CHOSEN = ("model", "data", "task", "loss", "optimizer", "scheduler", "augmentation")
MISSING = "-"
FLUSHED_AFTER = 120.0  # seconds, as TensorBoard's own writer does
_NUMBERS = itertools.count()  # of the event files of this process


class BufferedTensorBoardLogger(TensorBoardLogger):
    """Lightning's logger with a file of its own: a write that fails is done later, and does not end the run.

    A run that is resumed hides what it had drawn after the state it continues from: that is about to be drawn again.
    """

    _writer: OwningSummaryWriter | None = None
    _purge_step: int | None = None

    def attach(self, run: RunFacts) -> None:
        if run.resumed_step is not None:
            self._purge_step = run.resumed_step + 1 if run.resumed_step else 0

    @property
    @rank_zero_experiment
    def experiment(self) -> OwningSummaryWriter:
        if self._writer is None:
            self._writer = OwningSummaryWriter(lambda: EventFile(self.log_dir), self.log_dir, self._purge_step)
        return self._writer

    @rank_zero_only
    def add_summary(self, summary: Summary, step: int) -> None:
        """What SummaryWriter has no function for, as pictures that are encoded already."""
        self.experiment.open().add_summary(summary, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._writer is not None:
            self._writer.flush()
            self._writer.close()
        if status == "success":
            self.save()


class EventFile(FileWriter):
    """An event file as TensorBoard reads it, written without a thread: the buffer takes what the disk does not."""

    def __init__(self, log_dir: str) -> None:
        self.event_writer = _EventWriter(Path(log_dir))


class _EventWriter:
    """What ``FileWriter`` writes to: records of a length, its checksum, an event and its checksum."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS)}"
        self._folder = folder
        self._records = RecordWriter(BufferedWriter(folder / name))
        self._flushed_at = time.monotonic()
        source = SourceMetadata(writer="netyard")
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2", source_metadata=source))
        self.flush()

    def get_logdir(self) -> str:
        return str(self._folder)

    def add_event(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
        if time.monotonic() - self._flushed_at >= FLUSHED_AFTER:
            self.flush()

    def flush(self) -> None:
        self._flushed_at = time.monotonic()
        self._records.flush()

    def close(self) -> None:
        self._records.close()


def log_hyperparameters(
    logger: Logger | None, config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any], path: Path
) -> None:
    """One row of the tab: what was chosen, with the objective and the test's metrics.

    The metrics have tags of their own: written under a curve's tag they would cut the curve. They are a step behind the
    last one, so that a run killed after this draws them anew and not twice.
    """
    if not isinstance(logger, TensorBoardLogger):
        return
    columns = redact.tree({**run_columns(config, choices, results), **sweep_columns(config, choices, path)})
    scores = {f"hp/{name}": value for name, value in results["metrics"].items() if not name.startswith("train/")}
    logger.log_hyperparams(columns, {"hp/objective": results["objective"]["value"], **scores}, results["steps"] + 1)
    logger.finalize("success")


def run_columns(
    config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, str | float]:
    """Those that every run has."""
    return {group: str(choices.get(group)) for group in CHOSEN} | {
        "lr": float(config["optimizer"]["lr"]),
        "weight_decay": float(config["optimizer"].get("weight_decay") or 0.0),
        "batch_size": int(config["data"]["batch_size"]),
        "max_epochs": int(config["trainer"]["max_epochs"] or -1),
        "seed": int(config["seed"]),
        "parameters": int(results["parameters"]),
    }


def sweep_columns(config: Mapping[str, Any], choices: Mapping[str, Any], path: Path) -> dict[str, str | float]:
    """The keys that the sweep varies, which ``job.json`` in the run's directory names; none of a run by itself.

    TensorBoard takes the columns from whichever run it finds first and shows no others, so every job has all of them:
    ``-`` for a key that this job's choices do not have.
    """
    axes = RunDir(path).job().get("axes", [])
    return {axis: _value(config, choices, axis) for axis in axes if axis not in (*CHOSEN, "seed")}


def _value(config: Mapping[str, Any], choices: Mapping[str, Any], key: str) -> str | float:
    node: Any = choices if key in choices else config
    for name in (key,) if key in choices else key.split("."):
        node = node[name] if isinstance(node, Mapping) and name in node else MISSING
    if isinstance(node, int | float) and not isinstance(node, bool):
        return node
    return node if isinstance(node, str) else json.dumps(node)
