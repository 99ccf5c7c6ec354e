"""Every private name of Lightning and torch that netyard leans on, and nothing else; read in lightning 2.6, torch 2.15.

There is no public way to any of these. ``INTERNALS`` says of each why it is needed and how it is found. A new version
may move one: ``tests/unit/training/test_lightning_internals.py`` fails with a sentence that names it, and a run goes on
with what the library does by itself, after one warning.
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
except ImportError:  # ``missing`` says so
    _PrefetchDataFetcher = _TrainingEpochLoop = object

log = logging.getLogger(__name__)

CURRENT_HOOK = "_current_fx_name"  # of a LightningModule: which hook runs, as ``self.log`` asks
_warned: set[str] = set()


@dataclass(frozen=True)
class Internal:
    """A private name, why it is needed, and how to see whether it is still there."""

    name: str
    reason: str
    find: Callable[[L.Trainer], Any]
    """Raises AttributeError where the name is gone."""


INTERNALS = (
    Internal(
        "lightning.pytorch.loops.training_epoch_loop._TrainingEpochLoop",
        "Lightning 2 has no public loop to replace; the lean loop is one",
        lambda trainer: _named(_TrainingEpochLoop, "advance", "on_advance_end", "on_run_start", "reset", "teardown"),
    ),
    Internal(
        "lightning.pytorch.loops.fetchers._PrefetchDataFetcher",
        "the lean loop supports the batches of this fetcher only",
        lambda trainer: _named(_PrefetchDataFetcher(), "_start_profiler", "_stop_profiler", "fetched", "done"),
    ),
    Internal(
        "_TrainingEpochLoop._batches_that_stepped",
        "the x-axis of every curve that Lightning draws; it counts batches, also where a batch is many steps",
        lambda trainer: trainer.fit_loop.epoch_loop._batches_that_stepped,
    ),
    Internal(
        "_TrainingEpochLoop._results",
        "what was logged in a step; the loop resets it itself after a batch that has logged nothing",
        lambda trainer: _named(trainer.fit_loop.epoch_loop._results, "batch", "batch_size", "values"),
    ),
    Internal(
        "_TrainingEpochLoop._should_accumulate, ._num_ready_batches_reached",
        "whether gradients are still being accumulated, and whether the epoch ends",
        lambda trainer: _named(trainer.fit_loop.epoch_loop, "_should_accumulate", "_num_ready_batches_reached"),
    ),
    Internal(
        "Trainer._logger_connector",
        "it writes down what a step has logged",
        lambda trainer: _named(
            trainer._logger_connector, "on_batch_start", "on_batch_end", "update_train_step_metrics"
        ),
    ),
    Internal(
        "Trainer._data_connector._datahook_selector",
        "whose hook moves a batch to the device: the task's or the data module's",
        lambda trainer: trainer._data_connector._datahook_selector,
    ),
    Internal(
        "Trainer._val_check_time_interval",
        "whether validation is due by the clock",
        lambda trainer: trainer._val_check_time_interval,
    ),
    Internal(
        f"LightningModule.{CURRENT_HOOK}",
        "self.log asks which hook it is called from",
        lambda trainer: getattr(L.LightningModule(), CURRENT_HOOK),
    ),
    Internal(
        "Precision._clip_gradients",
        "it calls configure_gradient_clipping as a hook, in which a task may log",
        lambda trainer: Precision._clip_gradients,
    ),
    Internal(
        "torch.utils.tensorboard.SummaryWriter._get_file_writer",
        "a SummaryWriter opens its file by itself, and cannot be given one that a full disk does not fail",
        lambda trainer: SummaryWriter._get_file_writer,
    ),
)


def _named(owner: Any, *names: str) -> None:
    for name in names:
        getattr(owner, name)


def missing(trainer: L.Trainer) -> Iterator[str]:
    """A sentence on each private name that this version of its library does not have."""
    for each in INTERNALS:
        try:
            each.find(trainer)
        except (AttributeError, TypeError):
            version = f"lightning {L.__version__}"
            yield f"{version} has no {each.name} any more, or not as it was; it was needed because: {each.reason}"


def warn_once(sentence: str) -> None:
    """Log a warning, the first time only."""
    if sentence not in _warned:
        _warned.add(sentence)
        log.warning("%s", sentence)


def advance_log_step(trainer: L.Trainer) -> None:
    """Move what Lightning logs from now on to the next step: a test, drawn at the last one, would be drawn twice."""
    loop = trainer.fit_loop.epoch_loop
    if hasattr(loop, "_batches_that_stepped"):
        loop._batches_that_stepped += 1


class EpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, with public names for what a loop of our own needs of it."""

    @property
    def curve_step(self) -> int:
        """The x-axis of what Lightning logs next; may be set."""
        return self._batches_that_stepped

    @curve_step.setter
    def curve_step(self, step: int) -> None:
        self._batches_that_stepped = step

    @property
    def logged(self) -> Any:
        """What ``self.log`` has collected in this epoch."""
        return self._results

    @property
    def connector(self) -> Any:
        """What brings logged values to the loggers."""
        return self.trainer._logger_connector

    def accumulates(self) -> bool:
        """Whether the optimizer has not stepped after the batch at hand."""
        return self._should_accumulate()

    def at_last_batch(self) -> bool:
        """Whether the batch at hand is the last of its epoch."""
        return self._num_ready_batches_reached()


def is_prefetching(data_fetcher: Any) -> bool:
    """Whether it is the fetcher of an ordinary loader."""
    return type(data_fetcher) is _PrefetchDataFetcher


def stop_profiling(data_fetcher: Any) -> None:
    """Have a fetcher ask no profiler around each batch."""
    data_fetcher._start_profiler = data_fetcher._stop_profiler = lambda: None


def validates_by_the_clock(trainer: L.Trainer) -> bool:
    """Whether ``val_check_interval`` is a time."""
    return trainer._val_check_time_interval is not None


def data_hook_owner(trainer: L.Trainer, hook: str) -> Any:
    """The task or the data module, whichever of them has the hook for batches."""
    return trainer._data_connector._datahook_selector.get_instance(hook)


def clip_gradients(trainer: L.Trainer, optimizer: Any) -> None:
    """Clip gradients by the Trainer's settings, through the task's hook."""
    trainer.precision_plugin._clip_gradients(
        trainer.lightning_module, optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
    )


class OwningSummaryWriter(SummaryWriter):
    """torch's SummaryWriter, on a file writer that it is given.

    Args:
        make_file: makes the file writer, also anew after ``close``. Where torch does not ask for it, torch's is used.
        log_dir, purge_step: as of torch's; points at ``purge_step`` and after it, of an earlier file, are hidden.
    """

    file_writer: FileWriter | None
    all_writers: dict[str, FileWriter] | None
    purge_step: int | None

    def __init__(self, make_file: Callable[[], FileWriter], log_dir: str, purge_step: int | None) -> None:
        self._make_file = make_file
        self._made = False
        super().__init__(log_dir=log_dir, purge_step=purge_step)
        if not self._made:
            warn_once("this version of torch opens TensorBoard's file by itself: a full disk may end the run")

    def open(self) -> FileWriter:
        """The file writer, made if there is none or the last one was closed."""
        return self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None:
            self._made = True
            self.file_writer = file = self._make_file()
            self.all_writers = {file.get_logdir(): file}
            if self.purge_step is not None:  # TensorBoard purges later points at these two events
                file.add_event(Event(step=self.purge_step, file_version="brain.Event:2"))
                file.add_event(Event(step=self.purge_step, session_log=SessionLog(status=SessionLog.START)))
                self.purge_step = None
        return self.file_writer
