"""TensorBoard: a logger that a full disk does not stop, and the columns of the HPARAMS tab."""

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
FLUSHED_AFTER = 120.0  # seconds, the default of torch's SummaryWriter
_NUMBERS = itertools.count()  # makes names of event files unique that one process opens in one second


class BufferedTensorBoardLogger(TensorBoardLogger):
    """Lightning's TensorBoard logger whose writes are repeated later if they fail, so that the run continues.

    After a resume, TensorBoard hides the points after the checkpoint, because they are logged again.
    """

    _writer: OwningSummaryWriter | None = None
    _purge_step: int | None = None

    def attach(self, run: RunFacts) -> None:
        # 0: the run had no checkpoint and starts from the beginning, so all of its points are hidden.
        if run.resumed_step is not None:
            self._purge_step = run.resumed_step + 1 if run.resumed_step else 0

    # Overrides Lightning's property, which would make a plain SummaryWriter. Other ranks get a dummy by the decorator.
    @property
    @rank_zero_experiment
    def experiment(self) -> OwningSummaryWriter:
        if self._writer is None:
            self._writer = OwningSummaryWriter(lambda: EventFile(self.log_dir), self.log_dir, self._purge_step)
        return self._writer

    @rank_zero_only
    def add_summary(self, summary: Summary, step: int) -> None:
        """Write a summary that SummaryWriter has no method for, such as images that are already encoded as PNG."""
        self.experiment.open().add_summary(summary, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._writer is not None:
            self._writer.flush()
            self._writer.close()
        # As in Lightning's own finalize: ``save`` writes hparams.yaml.
        if status == "success":
            self.save()


class EventFile(FileWriter):
    """A TensorBoard event file, written without a thread; what the disk refuses stays in the buffer."""

    # Without super().__init__, which opens a file and starts a thread that dies at the first failed write.
    def __init__(self, log_dir: str) -> None:
        self.event_writer = _EventWriter(Path(log_dir))


class _EventWriter:
    """The writer inside ``FileWriter``. Its records are TFRecords: length, CRC of it, serialized event, CRC of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard finds files by "tfevents" and sorts them by name: the time comes first, in ten digits.
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
        self._records.write(event.SerializeToString())  # to the buffer
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
    """Write the run's row of the HPARAMS tab: the choices and hyperparameters, the objective and the test metrics.

    The metrics get tags of their own (``hp/...``): under the tag of a curve they would be points of it. They are logged
    one step after the last one, so that a resumed run, which logs them again, hides these.
    """
    if not isinstance(logger, TensorBoardLogger):
        return
    columns = redact.tree({**run_columns(config, choices, results), **sweep_columns(config, choices, path)})
    scores = {f"hp/{name}": value for name, value in results["metrics"].items() if not name.startswith("train/")}
    # A run without a validation has no value.
    objective = {} if results["objective"]["value"] is None else {"hp/objective": results["objective"]["value"]}
    logger.log_hyperparams(columns, {**objective, **scores}, results["steps"] + 1)
    logger.finalize("success")


def run_columns(
    config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, str | float]:
    """Return the columns that every run has."""
    return {group: str(choices.get(group)) for group in CHOSEN} | {
        "lr": float(config["optimizer"]["lr"]),
        "weight_decay": float(config["optimizer"].get("weight_decay") or 0.0),
        "batch_size": int(config["data"]["batch_size"]),
        "max_epochs": int(config["trainer"]["max_epochs"] or -1),  # -1: without limit, as in Lightning
        "seed": int(config["seed"]),
        "parameters": int(results["parameters"]),
    }


def sweep_columns(config: Mapping[str, Any], choices: Mapping[str, Any], path: Path) -> dict[str, str | float]:
    """Return the keys that the sweep varies, from ``job.json`` in the run directory; empty if the run is no job.

    TensorBoard shows only the columns of the first run that it finds, so every job gets all of them, with the value
    ``-`` for a key that its config does not have.
    """
    axes = RunDir(path).job().get("axes", [])
    return {axis: _value(config, choices, axis) for axis in axes if axis not in (*CHOSEN, "seed")}


def _value(config: Mapping[str, Any], choices: Mapping[str, Any], key: str) -> str | float:
    # A key is a config group (the option counts, not its content) or a dotted key of the config.
    node: Any = choices if key in choices else config
    for name in (key,) if key in choices else key.split("."):
        node = node[name] if isinstance(node, Mapping) and name in node else MISSING
    if isinstance(node, int | float) and not isinstance(node, bool):
        return node
    return node if isinstance(node, str) else json.dumps(node)  # the tab takes numbers and text: no lists, no null
