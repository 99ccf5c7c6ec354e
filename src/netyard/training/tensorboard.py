"""TensorBoard: a logger that a full disk does not stop, and the columns of the HPARAMS tab.

TensorBoard sorts by name, and opens the first two groups of tags: ``loss``, where training and validation are two runs
with colours of their own, and ``lr``. ``objective/<name>``, the best value so far, and the tags of all metrics,
``<stage>/<name>``, follow.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import FileWriter
from torch.utils.tensorboard.summary import hparams

from netyard.callbacks.attach import RunFacts
from netyard.io import redact
from netyard.io.buffered_writer import BufferedWriter
from netyard.io.markdown import grid
from netyard.run_directories.directory import RunDir
from netyard.training.lightning_internals import OwningSummaryWriter

# Group of the config -> its column. TensorBoard sorts columns by name, those that differ between runs first, and shows
# five: the names of all others are behind that of the model in the alphabet.
CHOSEN = {
    "model": "model",
    "optimizer": "optimizer",
    "scheduler": "scheduler",
    "task": "task",
    "augmentation": "training_augmentation",
    "data": "training_data",
    "loss": "training_loss",
}
RESULTS = ".results"  # ends the name of the event file of what follows the training
FLUSHED_AFTER = 120.0  # seconds, the default of torch's SummaryWriter
_NUMBERS = itertools.count()  # makes names of event files unique that one process opens in one second


class BufferedTensorBoardLogger(TensorBoardLogger):
    """Lightning's TensorBoard logger whose writes are repeated later if they fail, so that the run continues.

    After a resume, TensorBoard hides the points after the checkpoint, because they are logged again.
    """

    _writer: OwningSummaryWriter | None = None
    _training: OwningSummaryWriter | None = None
    _purge_step: int | None = None
    _file_ending = ""
    separates_training = True
    """Whether the metrics of training are also drawn as a run of their own; not for the jobs of a sweep."""

    def attach(self, run: RunFacts) -> None:
        # 0: the run had no checkpoint and starts from the beginning, so all of its points are hidden.
        if run.resumed_step is not None:
            self._purge_step = run.resumed_step + 1 if run.resumed_step else 0
        # Jobs are compared with each other, and TensorBoard selects no run at all when there are more than 40.
        self.separates_training = not run.run_dir.job()

    # Overrides Lightning's property, which would make a plain SummaryWriter. Other ranks get a dummy by the decorator.
    @property
    @rank_zero_experiment
    def experiment(self) -> OwningSummaryWriter:
        if self._writer is None:
            folder = self.log_dir
            if self._purge_step is not None:
                # These are at the step of the checkpoint, whose other points stay, and are logged again.
                for file in Path(folder).glob(f"events.out.tfevents.*{RESULTS}"):
                    file.unlink(missing_ok=True)
            self._writer = OwningSummaryWriter(lambda: EventFile(folder, self._file_ending), folder, self._purge_step)
        return self._writer

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log curves; the loss also as ``loss``: that of the validation in this run, of training in ``<run>/train``."""
        # Lightning adds the epoch to all metrics: as the first curve of the alphabet it would be the first chart.
        drawn = {name: value for name, value in metrics.items() if name != "epoch"}
        if "val/loss" in drawn:
            drawn["loss"] = drawn["val/loss"]
        super().log_metrics(drawn, step)
        if self.separates_training:
            for name, value in metrics.items():
                # Values of one step, norms and speeds have no counterpart in the validation.
                if name.startswith("train/") and not name.endswith(("_step", "_norm", "_per_second")):
                    self._training_run().add_scalar(name.replace("train/", "training/", 1), float(value), step)
            if "train/loss" in metrics:
                self._training_run().add_scalar("loss", float(metrics["train/loss"]), step)

    def _training_run(self) -> OwningSummaryWriter:
        if self._training is None:
            folder = str(Path(self.log_dir) / "train")
            self._training = OwningSummaryWriter(lambda: EventFile(folder), folder, self._purge_step)
        return self._training

    @rank_zero_only
    def add_summary(self, summary: Summary, step: int) -> None:
        """Write a summary that SummaryWriter has no method for, such as images that are already encoded as PNG."""
        self.experiment.open().add_summary(summary, step)

    @rank_zero_only
    def begin_results(self) -> None:
        """Write what follows to another event file, which a resume deletes: it repeats the test at the same step."""
        if self._writer is not None and not self._file_ending:
            self._writer.close()  # what is written next opens another file
        self._file_ending = RESULTS

    @rank_zero_only
    def save(self) -> None:
        super().save()
        if self._training is not None:
            self._training.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        for writer in filter(None, (self._writer, self._training)):
            writer.flush()
            writer.close()
        # As in Lightning's own finalize: ``save`` writes hparams.yaml.
        if status == "success":
            self.save()


class EventFile(FileWriter):
    """A TensorBoard event file, written without a thread; what the disk refuses stays in the buffer."""

    # Without super().__init__, which opens a file and starts a thread that dies at the first failed write.
    def __init__(self, log_dir: str, ending: str = "") -> None:
        self.event_writer = _EventWriter(Path(log_dir), ending)


class _EventWriter:
    """The writer inside ``FileWriter``. Its records are TFRecords: length, CRC of it, serialized event, CRC of it."""

    def __init__(self, folder: Path, ending: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard finds files by "tfevents" and sorts them by name: time and number have as many digits in all.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS):05d}"
        self._folder = folder
        self._records = RecordWriter(BufferedWriter(folder / f"{name}{ending}"))
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


def begin_results(logger: Logger | None) -> None:
    """Separate what is logged after the training from the curves; see ``BufferedTensorBoardLogger.begin_results``."""
    if isinstance(logger, BufferedTensorBoardLogger):
        logger.begin_results()


def log_baselines(logger: Logger | None, columns: Sequence[tuple[str, Sequence[str]]], step: int) -> None:
    """Write a table of the network and its baselines as a text, in columns (head, cells)."""
    if isinstance(logger, BufferedTensorBoardLogger):
        logger.begin_results()  # of a run without a test it has not begun
        logger.experiment.add_text("baselines", grid(columns), step)


def log_hyperparameters(
    logger: Logger | None, config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any], path: Path
) -> None:
    """Write the run's row of the HPARAMS tab: its choices and hyperparameters.

    Beside them the tab shows the last value of every curve, such as the best objective (``objective/<name>``).
    """
    if not isinstance(logger, BufferedTensorBoardLogger):
        return
    logger.begin_results()  # of a run without a test it has not begun
    columns = redact.tree({**run_columns(config, choices, results), **sweep_columns(config, choices, path)})
    logger.hparams.update(columns)  # for hparams.yaml
    # The first summary would fix the columns of the whole tab to those of the run that TensorBoard finds first. Without
    # any it collects them from all runs below its folder.
    _, *summaries = hparams(columns, {})
    for summary in summaries:
        logger.add_summary(_named(summary, trial_name(path)), results["steps"])
    logger.finalize("success")


def trial_name(path: Path) -> str:
    """Return the name of a sweep's job in the HPARAMS tab: its folder and what varies; empty for another run.

    Rows of one name would be averaged, so it has the day and the time of the sweep too.
    """
    name = RunDir(path).job().get("name")
    return f"{'/'.join(path.resolve().parts[-3:])} {name}" if name else ""


def _named(summary: Summary, name: str) -> Summary:
    """Return a summary of the HPARAMS plugin, with the name of its row if it is the one that has it."""
    for value in summary.value if name else ():
        data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
        if data.HasField("session_start_info"):
            data.session_start_info.group_name = name
            value.metadata.plugin_data.content = data.SerializeToString()
    return summary


def run_columns(
    config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, str | float]:
    """Return the columns that every run has."""
    return {column: str(choices.get(group)) for group, column in CHOSEN.items()} | {
        "optimizer.lr": float(config["optimizer"]["lr"]),
        "optimizer.weight_decay": float(config["optimizer"].get("weight_decay") or 0.0),
        "parameters": int(results["parameters"]),
        "seed": int(config["seed"]),
        "trainer.max_epochs": int(config["trainer"]["max_epochs"] or -1),  # -1: without limit, as in Lightning
        "training_batch_size": int(config["data"]["batch_size"]),
    }


def sweep_columns(config: Mapping[str, Any], choices: Mapping[str, Any], path: Path) -> dict[str, str | float]:
    """Return the keys that the sweep varies, from ``job.json`` in the run directory; empty if the run is no job.

    A key that the config does not have is left out: as text it would make a column of numbers one of texts.
    """
    # What run_columns has under another name is not repeated under its own, which would come before the model.
    known = {*CHOSEN, "seed", "data.batch_size"}
    axes = [axis for axis in RunDir(path).job().get("axes", []) if axis not in known]
    found = {axis: _value(config, choices, axis) for axis in axes}
    return {axis: value for axis, value in found.items() if value is not None}


def _value(config: Mapping[str, Any], choices: Mapping[str, Any], key: str) -> str | float | None:
    # A key is a config group (the option counts, not its content) or a dotted key of the config.
    node: Any = choices if key in choices else config
    for name in (key,) if key in choices else key.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return None
        node = node[name]
    if isinstance(node, int | float) and not isinstance(node, bool):
        return node
    return node if isinstance(node, str) else json.dumps(node)  # the tab takes numbers and text: no lists, no null
