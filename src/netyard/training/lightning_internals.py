"""Every private name of Lightning and torch that netyard uses, in one file; checked with lightning 2.6, torch 2.15.

No public API replaces any of these. ``INTERNALS`` gives for each the reason and a check that it still exists. If a new
version moves one, ``tests/unit/training/test_lightning_internals.py`` fails with its name, and a run continues with the
library's own behaviour after one warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import lightning as L
from lightning.pytorch.plugins.precision import Precision
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from torch.utils.tensorboard import FileWriter, SummaryWriter

try:
    from lightning.pytorch.loops.fetchers import _PrefetchDataFetcher
    from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
    from lightning.pytorch.trainer.connectors.logger_connector.logger_connector import _LoggerConnector
except ImportError:  # this file must stay importable; ``missing`` reports it, as ``object`` has none of the methods
    _PrefetchDataFetcher = _TrainingEpochLoop = _LoggerConnector = object

log = logging.getLogger(__name__)

CURRENT_HOOK = "_current_fx_name"  # attribute of a LightningModule: the running hook, which ``self.log`` reads
_warned: set[str] = set()


@dataclass(frozen=True)
class Internal:
    """A private name, the reason it is used, and a check that it still exists."""

    name: str
    reason: str
    find: Callable[[L.Trainer], Any]
    """Raises AttributeError or TypeError if the name is gone."""


INTERNALS = (
    Internal(
        "lightning.pytorch.loops.training_epoch_loop._TrainingEpochLoop",
        "Lightning 2 has no public loop to replace; the lean loop replaces this one",
        lambda trainer: _named(_TrainingEpochLoop, "advance", "on_advance_end", "on_run_start", "reset", "teardown"),
    ),
    Internal(
        "lightning.pytorch.loops.fetchers._PrefetchDataFetcher",
        "the lean loop supports the batches of this fetcher only",
        lambda trainer: _named(_PrefetchDataFetcher(), "_start_profiler", "_stop_profiler", "fetched", "done"),
    ),
    Internal(
        "_TrainingEpochLoop._batches_that_stepped",
        "the x-axis of every curve that Lightning logs; it counts batches, even if a batch has several optimizer steps",
        lambda trainer: trainer.fit_loop.epoch_loop._batches_that_stepped,
    ),
    Internal(
        "_LoggerConnector.log_metrics",
        "Lightning draws what is logged after optimizer step N at N - 1, and metrics.csv has it at N",
        lambda trainer: _named(_LoggerConnector, "log_metrics"),
    ),
    Internal(
        "_TrainingEpochLoop._results",
        "what was logged in a step; the lean loop resets it after a batch that has logged nothing",
        lambda trainer: _named(trainer.fit_loop.epoch_loop._results, "batch", "batch_size", "values"),
    ),
    Internal(
        "_TrainingEpochLoop._should_accumulate, ._num_ready_batches_reached",
        "whether gradients are still being accumulated, and whether the epoch ends",
        lambda trainer: _named(trainer.fit_loop.epoch_loop, "_should_accumulate", "_num_ready_batches_reached"),
    ),
    Internal(
        "Trainer._logger_connector",
        "it sends what a step has logged to the loggers",
        lambda trainer: _named(
            trainer._logger_connector, "on_batch_start", "on_batch_end", "update_train_step_metrics"
        ),
    ),
    Internal(
        "Trainer._data_connector._datahook_selector",
        "whether the task's or the data module's hook moves a batch to the device",
        lambda trainer: trainer._data_connector._datahook_selector,
    ),
    Internal(
        "Trainer._val_check_time_interval",
        "whether validation is due at a time instead of a number of batches",
        lambda trainer: trainer._val_check_time_interval,
    ),
    Internal(
        f"LightningModule.{CURRENT_HOOK}",
        "self.log reads the hook it is called from",
        lambda trainer: getattr(L.LightningModule(), CURRENT_HOOK),
    ),
    Internal(
        "Precision._clip_gradients",
        "it calls configure_gradient_clipping as a hook, so that a task may log in it",
        lambda trainer: Precision._clip_gradients,
    ),
    Internal(
        "torch.utils.tensorboard.SummaryWriter._get_file_writer",
        "a SummaryWriter opens its own file, and cannot be given a writer that survives a full disk",
        lambda trainer: SummaryWriter._get_file_writer,
    ),
)


def _named(owner: Any, *names: str) -> None:
    """Raise AttributeError if the object lacks one of these attributes."""
    for name in names:
        getattr(owner, name)


def missing(trainer: L.Trainer) -> Iterator[str]:
    """Yield a sentence for each private name that the installed version does not have."""
    for each in INTERNALS:
        try:
            each.find(trainer)
        except (AttributeError, TypeError):
            version = f"lightning {L.__version__}"
            yield f"{version} has no {each.name}, or a changed one; netyard uses it because: {each.reason}"


def warn_once(sentence: str) -> None:
    """Log a warning, once in a process: a sweep in one process would repeat it for every job."""
    if sentence not in _warned:
        _warned.add(sentence)
        log.warning("%s", sentence)


class LoggerConnector(_LoggerConnector):
    """Sends what is logged to the loggers at the number of finished optimizer steps, as in ``metrics.csv``."""

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log as Lightning does, but after step N at N: Lightning counts batches from 0, and logs at N - 1."""
        loop = self.trainer.fit_loop.epoch_loop
        counted = loop._batches_that_stepped
        # Only for this call: Lightning also decides by this number whether a step is logged.
        loop._batches_that_stepped = self.trainer.global_step
        try:
            super().log_metrics(metrics, step)
        finally:
            loop._batches_that_stepped = counted


def log_at_optimizer_steps(trainer: L.Trainer) -> None:
    """Make everything that a new Trainer logs stand at the optimizer step it is of; see ``LoggerConnector``."""
    if hasattr(_LoggerConnector, "log_metrics") and hasattr(trainer.fit_loop.epoch_loop, "_batches_that_stepped"):
        trainer._logger_connector = LoggerConnector(trainer)
    else:
        warn_once("this version of Lightning draws the curves of its own logging one step too early")


class EpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, with public names for the attributes that a subclass needs."""

    @property
    def curve_step(self) -> int:
        """The x-axis value of what Lightning logs next; can be set."""
        return self._batches_that_stepped

    @curve_step.setter
    def curve_step(self, step: int) -> None:
        self._batches_that_stepped = step

    @property
    def logged(self) -> Any:
        """The result collection of ``self.log`` in this epoch."""
        return self._results

    @property
    def connector(self) -> Any:
        """The object that sends logged values to the loggers."""
        return self.trainer._logger_connector

    def accumulates(self) -> bool:
        """Whether gradients of the current batch are only accumulated, without an optimizer step."""
        return self._should_accumulate()

    def at_last_batch(self) -> bool:
        """Whether the current batch is the last of its epoch."""
        return self._num_ready_batches_reached()


def is_prefetching(data_fetcher: Any) -> bool:
    """Whether it is the fetcher that Lightning uses for an ordinary DataLoader."""
    # Not isinstance: a subclass may fetch in its own way.
    return type(data_fetcher) is _PrefetchDataFetcher


def stop_profiling(data_fetcher: Any) -> None:
    """Make a fetcher skip its profiler calls around each batch, which take time even if the profiler does nothing."""
    data_fetcher._start_profiler = data_fetcher._stop_profiler = lambda: None


def validates_by_the_clock(trainer: L.Trainer) -> bool:
    """Whether ``val_check_interval`` is a time instead of a number of batches."""
    return trainer._val_check_time_interval is not None


def data_hook_owner(trainer: L.Trainer, hook: str) -> Any:
    """Return the task or the data module, whichever overrides this hook for batches."""
    return trainer._data_connector._datahook_selector.get_instance(hook)


def clip_gradients(trainer: L.Trainer, optimizer: Any) -> None:
    """Clip gradients by the Trainer's settings, through the task's ``configure_gradient_clipping``."""
    trainer.precision_plugin._clip_gradients(
        trainer.lightning_module, optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
    )


class OwningSummaryWriter(SummaryWriter):
    """torch's SummaryWriter, writing to a file writer that is passed in.

    Args:
        make_file: makes the file writer, and another one if it is written to after ``close``.
        log_dir: as in ``SummaryWriter``.
        purge_step: as in ``SummaryWriter``: TensorBoard hides points of earlier files from this step on.
    """

    file_writer: FileWriter | None
    all_writers: dict[str, FileWriter] | None
    purge_step: int | None

    def __init__(self, make_file: Callable[[], FileWriter], log_dir: str, purge_step: int | None) -> None:
        self._make_file = make_file
        self._made = False
        super().__init__(log_dir=log_dir, purge_step=purge_step)  # calls _get_file_writer below
        if not self._made:
            warn_once("this version of torch opens TensorBoard's file by itself; a full disk may stop the run")

    def open(self) -> FileWriter:
        """Return the file writer; makes one if there is none or the last one was closed."""
        return self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None:
            self._made = True
            self.file_writer = file = self._make_file()
            self.all_writers = {file.get_logdir(): file}
            # At a SessionLog.START TensorBoard drops later points of earlier files, if the file says version 2.
            # The same two events as torch writes.
            if self.purge_step is not None:
                file.add_event(Event(step=self.purge_step, file_version="brain.Event:2"))
                file.add_event(Event(step=self.purge_step, session_log=SessionLog(status=SessionLog.START)))
                self.purge_step = None  # once: a file opened after ``close`` must not hide the one before it
        return self.file_writer
