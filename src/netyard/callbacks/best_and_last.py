"""Saves checkpoints: those of the last epochs, and the best one with its metrics."""

from __future__ import annotations

import logging
import math
import shlex
import shutil
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from netyard.callbacks.attach import RunFacts
from netyard.callbacks.run_limits import TimeLimit
from netyard.errors import ConfigError, PlatformError
from netyard.io.buffered_writer import warn
from netyard.io.readable import format_bytes
from netyard.metrics import validation_times
from netyard.ranges.bounds import Count, Positive
from netyard.ranges.signature import check
from netyard.run_directories import manifest
from netyard.run_directories.manifest import Manifest
from netyard.tasks.interfaces import has_split

MAX_FAILURES = 3  # failed saves in a row with on_save_error=warn
TIE_BREAKER = "val/loss"  # of epochs with equal values of the monitored metric, the one with less of it is the best

log = logging.getLogger(__name__)


class BestAndLast(Checkpoint):
    """Saves a checkpoint at the end of every epoch; ``last.ckpt`` links to the newest one, ``best.ckpt`` to the best.

    Of epochs with equal values of ``monitor`` the one with the smaller ``val/loss`` is the best, and the earlier one if
    that is equal too, or is not logged. Ties are frequent: of 144 validation samples, 5 mistakes are 5 mistakes.
    Without a validation split the last epoch is the best.

    Each checkpoint is written once, see ``run_directories.manifest``. Lightning runs checkpoint callbacks after all
    others, so an epoch is saved after all its other work, and a resumed run does not skip any of it.

    After a validation within an epoch (``trainer.val_check_interval``) its weights are saved if they are the best. That
    of a run that is cut off within an epoch counts for its results; a resumed run, which is not validated there again,
    goes on with the best of before.

    Args:
        monitor: a metric that validation logs.
        mode: ``max`` or ``min``.
        keep: number of newest checkpoints to keep, besides the best; if one is damaged, the run resumes from another.
        every_n_steps: save within epochs too, after this many optimizer steps; null for none.
        every_minutes: save within epochs too, when so much time has passed since the last save; null for none.
        on_save_error: ``stop``, or ``warn`` and stop at the third failed save in a row. Older checkpoints stay valid.

    Raises:
        ArgumentError: ``mode``, ``keep`` or ``on_save_error`` is not allowed.
        PlatformError: a checkpoint could not be written, or the run directory was deleted.
    """

    def __init__(
        self,
        monitor: str,
        mode: Literal["min", "max"],
        keep: Count = 2,
        on_save_error: Literal["stop", "warn"] = "stop",
        every_n_steps: Count | None = None,
        every_minutes: Positive | None = None,
    ) -> None:
        check(BestAndLast, locals(), "callbacks.checkpoint")
        self.monitor, self.mode, self.keep, self.on_save_error = monitor, mode, keep, on_save_error
        self.every_n_steps, self.every_minutes = every_n_steps, every_minutes
        self._run: RunFacts | None = None
        self.best_value: float | None = None
        self.best_epoch: int | None = None
        self.best_metrics: dict[str, float] = {}
        self.best_save: str | None = None
        self._number = 0  # of checkpoints written so far
        self._failures = 0  # failed saves in a row
        self._validates = True  # whether there is a validation split
        self._validated: dict[str, float] | None = None  # metrics of a validation whose score was not compared yet
        self._before_cut: tuple[Any, ...] | None = None  # the best before a validation that is not due
        self._goes_back = False  # whether best.ckpt is of such a validation, in the run that is resumed
        self._saved_step, self._saved_at = 0, 0.0

    def attach(self, run: RunFacts) -> None:
        self._run = run

    @property
    def directory(self) -> Path:
        """The folder of the checkpoints."""
        return self._attached.run_dir.checkpoints

    @property
    def _attached(self) -> RunFacts:
        if self._run is None:
            raise RuntimeError("BestAndLast was not attached: call netyard.callbacks.attach.attach(run, callbacks)")
        return self._run

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validates = has_split(getattr(trainer, "datamodule", None), "val")
        every, epochs = trainer.check_val_every_n_epoch or 1, trainer.max_epochs or -1
        # Without a validation there would be no best checkpoint: say so now, not after hours of training.
        if 0 < epochs < every and self._validates:
            raise _never_validated(every, f"the run has {epochs} epoch{'s' * (epochs > 1)}")
        if trainer.is_global_zero:
            self.directory.mkdir(parents=True, exist_ok=True)
            manifest.delete_temporaries(self.directory)

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A misspelled metric is found after one validation batch instead of after the first epoch.
        for monitor, key in self._attached.unchecked_metrics.items():
            if monitor not in trainer.callback_metrics:
                raise _not_logged(key, monitor, trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._attached.run_dir.confirm_resume()  # all checks of a resumed run have passed
        # If the run was interrupted between the validation and the end of an epoch, the epoch is not validated again:
        # its metrics are restored. They are Python floats, which float64 holds exactly.
        trainer.callback_metrics.update(
            {name: torch.tensor(value, dtype=torch.float64) for name, value in (self._validated or {}).items()}
        )
        self._saved_step, self._saved_at = trainer.global_step, time.monotonic()
        self._require_steps_before_validation(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # Between two batches, where every part of the state is that of a whole step. After a validation the weights
        # are still those that it was of.
        if batch_idx % trainer.accumulate_grad_batches:
            return
        before = self._best
        improved = self._improves(trainer)
        self._log_objective(trainer)
        self._validated = None
        if improved or self._save_is_due(trainer):
            self._save_if_possible(trainer, improved, before)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # At max_steps Lightning ends the epoch without a validation; with should_stop it validates first.
        if 0 <= trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
            trainer.fit_loop.min_epochs = 0  # a validation is skipped while a run may not stop

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._validated = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        before = self._best
        if not self._validates:
            self.best_epoch, improved = trainer.current_epoch, True
        else:
            improved = self._improves(trainer)
            if improved and not validation_times.is_due(trainer):
                self._before_cut = before
        self._log_objective(trainer)
        self._validated = None
        self._save_if_possible(trainer, improved, before)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.best_epoch is None and not self._failures and not _time_is_over(trainer):
            raise _never_validated(trainer.check_val_every_n_epoch or 1, "the run ended before the first validation")

    @property
    def _best(self) -> tuple[Any, ...]:
        return self.best_value, self.best_epoch, self.best_metrics, self.best_save

    def _log_objective(self, trainer: Trainer) -> None:
        """Log the best score after a validation, before a save, which writes all curves to the disk."""
        if self._validated is not None and trainer.logger is not None and self.best_value is not None:
            # The last point is the objective in results.json.
            trainer.logger.log_metrics({f"objective/{self.monitor}": self.best_value}, trainer.global_step)

    def _save_if_possible(self, trainer: Trainer, best: bool, before: tuple[Any, ...]) -> None:
        """Save; the best epoch must have a checkpoint: if the save failed, the one ``before`` stays the best."""
        if not self.save(trainer, best):
            self.best_value, self.best_epoch, self.best_metrics, self.best_save = before

    def _save_is_due(self, trainer: Trainer) -> bool:
        """Whether ``every_n_steps`` or ``every_minutes`` asks for a save, on all ranks alike."""
        every, step = self.every_n_steps, trainer.global_step
        # A batch of an agent is many steps, and may jump over a multiple: compare the quotients.
        if every is not None and step // every != self._saved_step // every:
            return True
        if self.every_minutes is None or step == self._saved_step:
            return False
        return bool(trainer.strategy.broadcast(time.monotonic() - self._saved_at >= 60 * self.every_minutes))

    def _require_steps_before_validation(self, trainer: Trainer) -> None:
        """Refuse a validation between accumulated gradients: a checkpoint does not have them."""
        every, interval = trainer.accumulate_grad_batches, trainer.val_check_batch
        if every == 1 or interval in (None, math.inf) or interval == trainer.num_training_batches:
            return
        if interval % every:
            raise ConfigError(
                f"validation is after every {interval} batches, and a step is of {every}"
                " (trainer.accumulate_grad_batches);",
                "weights are validated, and saved, between two steps;",
                f"try trainer.val_check_interval={-(-interval // every) * every}.",
            )

    def keep_untrained(self, metrics: Mapping[str, float]) -> None:
        """Take the scores of a network before its training for the results; every trained epoch replaces them."""
        self.best_metrics = {name: value for name, value in metrics.items() if name.startswith("val/")}
        self.best_value = metrics.get(self.monitor)

    def save(self, trainer: Trainer, best: bool = False) -> bool:
        """Save a checkpoint now, also as the best one if ``best``; every rank must call it.

        Returns False if the save failed and ``on_save_error`` allows that.
        """
        if trainer.is_global_zero and not self.directory.is_dir():
            raise PlatformError(
                f"{self.directory} was deleted while the run wrote to it;",
                "its checkpoints were deleted with it;",
                "start the run again, and do not delete the directory of a run in progress.",
            )
        self._number += 1
        self._saved_step, self._saved_at = trainer.global_step, time.monotonic()
        name = manifest.name_of(trainer.global_step, self._number)
        if best:
            self.best_save = name
        # Curves are flushed before the checkpoint is written: a run resumed from it would not log those steps again.
        for logger in trainer.loggers:
            try:
                logger.save()
            except OSError as error:
                warn(Path(logger.save_dir or self.directory), error)
        path, failed = self.directory / f"{name}.ckpt", None
        try:
            trainer.save_checkpoint(path, weights_only=False)
        except OSError as error:
            # Only rank 0 writes. The exception has skipped the barrier at the end of Trainer.save_checkpoint, where the
            # other ranks wait, so it is passed here.
            failed = error
            self._handle_failure(failed, path, trainer)
            trainer.strategy.barrier("Trainer.save_checkpoint")
        if trainer.is_global_zero and failed is None:
            size, sha256 = trainer.strategy.checkpoint_io.saved
            place = (trainer.global_step, self._number, trainer.current_epoch)
            try:
                # Only now does the checkpoint count: a kill before this line leaves the older ones in use.
                former = self._before_cut[-1] if self._before_cut else None
                manifest.record(self.directory, Manifest(*place, size, sha256, self.best_save, former), self.keep)
                if self._goes_back:
                    manifest.link_best(self.directory, self.best_save)
                    self._goes_back = False
            except OSError as error:
                failed = error
                self._handle_failure(failed, path, trainer)
        saved = trainer.strategy.broadcast(failed is None)
        self._failures = 0 if saved else self._failures
        return saved

    def _handle_failure(self, error: OSError, path: Path, trainer: Trainer) -> None:
        """Log a warning for a failed save, or raise ``PlatformError`` to end the run."""
        self._failures += 1
        # An incomplete file would take the space that the next save needs.
        for leftover in (path, path.with_suffix(".json")):
            leftover.unlink(missing_ok=True)
        manifest.delete_temporaries(path.parent)
        size = trainer.strategy.checkpoint_io.saved[0]
        free = shutil.disk_usage(path.parent).free
        given = (
            f"the checkpoint of step {trainer.global_step} cannot be saved in {path.parent}: {error.strerror or error}"
            f" after {format_bytes(size)}, with {format_bytes(free)} free;"
        )
        if self.on_save_error == "warn" and self._failures < MAX_FAILURES:
            log.warning("%s the run continues, and earlier checkpoints are valid.", given)
            return
        resume = shlex.quote(f"resume={path.parent.parent}")
        raise PlatformError(
            given,
            "earlier checkpoints are valid;" if manifest.read_all(path.parent) else "there is no earlier checkpoint;",
            f"free some space or correct the permissions, then continue with {resume}; with"
            " callbacks.checkpoint.on_save_error=warn a run continues after a failed save.",
        ) from error

    def state_dict(self) -> dict[str, Any]:
        value, epoch, metrics, save = self._before_cut or self._best
        return {
            "value": value,
            "epoch": epoch,
            "metrics": metrics,
            "save": save,
            "number": self._number,
            "goes_back": self._before_cut is not None,
            "validated": self._validated,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_value, self.best_epoch = state_dict["value"], state_dict["epoch"]
        self.best_metrics = dict(state_dict["metrics"])
        self.best_save, self._number = state_dict["save"], state_dict["number"]
        self._validated = state_dict.get("validated")
        self._goes_back = state_dict.get("goes_back", False)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["netyard"] = dict(self._attached.checkpoint_contents)

    def _improves(self, trainer: Trainer) -> bool:
        """Whether there was a validation since the last comparison, and its score is the best so far."""
        metrics = self._validated
        if metrics is None:
            return False
        if self.monitor not in metrics:
            raise _not_logged("task.monitor", self.monitor, trainer)
        value = metrics[self.monitor]
        if self.best_value is not None and not self._is_better(value, self.best_value, metrics):
            return False
        self.best_value, self.best_epoch = value, trainer.current_epoch
        self.best_metrics = {name: each for name, each in metrics.items() if name.startswith("val/")}
        return True

    def _is_better(self, value: float, best: float, metrics: Mapping[str, float]) -> bool:
        """Whether an epoch is better than the best so far."""
        # A NaN compares as false with everything: as the first value it counts as the best only until a number comes,
        # and it never replaces a number.
        if math.isnan(best):
            return not math.isnan(value)
        if value != best:
            return value > best if self.mode == "max" else value < best
        # The metrics of the best epoch are in every checkpoint, also in those from before there was a rule for ties.
        # Without a recorded loss the earlier epoch stays, as with minus infinity.
        loss, best_loss = metrics.get(TIE_BREAKER, math.nan), self.best_metrics.get(TIE_BREAKER, -math.inf)
        return not math.isnan(loss) if math.isnan(best_loss) else loss < best_loss


def _not_logged(key: str, monitor: str, trainer: Trainer) -> ConfigError:
    names = sorted(str(name) for name in trainer.callback_metrics if str(name).startswith("val/"))
    near = [*get_close_matches(monitor, names), *names, "val/loss"]
    return ConfigError(
        f"{key} is {monitor};",
        f"validation logs {', '.join(names)};",
        f"try {key}={near[0]}.",
    )


def _time_is_over(trainer: Trainer) -> bool:
    """Whether a time limit ended the run, which may be before its first validation."""
    return any(isinstance(each, TimeLimit) and each.reached for each in trainer.callbacks)


def _never_validated(every: int, why: str) -> ConfigError:
    return ConfigError(
        f"trainer.check_val_every_n_epoch is {every} and {why};",
        "the best checkpoint is chosen among validated epochs;",
        "try trainer.check_val_every_n_epoch=1.",
    )
