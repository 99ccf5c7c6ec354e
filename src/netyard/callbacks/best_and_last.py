"""Saves checkpoints: the last epochs and the best one, with its metrics."""

from __future__ import annotations

import logging
import math
import shutil
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from netyard.callbacks.attach import RunFacts
from netyard.errors import ArgumentError, ConfigError, PlatformError
from netyard.io.buffered_writer import warn
from netyard.io.readable import format_bytes
from netyard.ranges.bounds import Count
from netyard.run_directories import manifest
from netyard.run_directories.manifest import Manifest

MOST_FAILURES = 3  # saves in a row, where a failed one is only warned of

log = logging.getLogger(__name__)


class BestAndLast(Checkpoint):
    """Saves at the end of every epoch; ``last.ckpt`` is a name of the newest save, ``best.ckpt`` of the best one.

    A state is written once, see ``manifests``. As Lightning runs checkpoint callbacks after all others, an epoch is
    saved when nothing more happens in it, so that a resumed run misses nothing.

    Args:
        monitor: a metric that validation logs.
        mode: ``max`` or ``min``.
        keep: how many of the newest saves stay, besides the best: should one break, the run continues from another.
        on_save_error: ``stop``, or ``warn`` and stop at the third save in a row that fails. Older saves stay whole.

    Raises:
        PlatformError: a state could not be written, or the directory is gone.
    """

    def __init__(
        self,
        monitor: str,
        mode: Literal["min", "max"],
        keep: Count = 2,
        on_save_error: Literal["stop", "warn"] = "stop",
    ) -> None:
        if keep < 1:
            raise ArgumentError(
                f"keep is {keep};",
                "a run keeps 1 save at least;",
                "try callbacks.checkpoint.keep=2.",
            )
        if on_save_error not in ("stop", "warn"):
            raise ArgumentError(
                f"callbacks.checkpoint.on_save_error is {on_save_error};",
                "it is stop or warn;",
                "try callbacks.checkpoint.on_save_error=stop.",
            )
        self.monitor, self.mode, self.keep, self.on_save_error = monitor, mode, keep, on_save_error
        self._run: RunFacts | None = None
        self.best_value: float | None = None
        self.best_epoch: int | None = None
        self.best_metrics: dict[str, float] = {}
        self.best_save: str | None = None
        self._number = 0  # of saves so far
        self._failures = 0  # in a row
        self._validated: dict[str, float] | None = None  # the validation metrics of this epoch

    def attach(self, run: RunFacts) -> None:
        self._run = run

    @property
    def directory(self) -> Path:
        """Where the checkpoints are."""
        return self._attached.run_dir.checkpoints

    @property
    def _attached(self) -> RunFacts:
        if self._run is None:
            raise RuntimeError("BestAndLast was not attached: call netyard.callbacks.attach.attach(run, callbacks)")
        return self._run

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        every, epochs = trainer.check_val_every_n_epoch or 1, trainer.max_epochs or -1
        if 0 < epochs < every:
            raise _never_validated(every, f"the run has {epochs} epoch{'s' * (epochs > 1)}")
        if trainer.is_global_zero:
            self.directory.mkdir(parents=True, exist_ok=True)
            manifest.delete_temporaries(self.directory)

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for monitor, key in self._attached.unchecked_metrics.items():
            if monitor not in trainer.callback_metrics:
                raise _not_logged(key, monitor, trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._attached.run_dir.confirm_resume()  # all checks of a resumed run have passed
        # Of an epoch that was validated before the run was stopped within it.
        trainer.callback_metrics.update(
            {name: torch.tensor(value, dtype=torch.float64) for name, value in (self._validated or {}).items()}
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # At max_steps Lightning leaves an epoch as it is; asked to stop, it validates first.
        if 0 <= trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._validated = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        before = self.best_value, self.best_epoch, self.best_metrics, self.best_save
        improved = self._validated is not None and self._improves(trainer)
        self._validated = None
        if not self.save(trainer, improved):  # a best epoch without a checkpoint is none
            self.best_value, self.best_epoch, self.best_metrics, self.best_save = before

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.best_epoch is None and not self._failures:
            raise _never_validated(trainer.check_val_every_n_epoch or 1, "the run ended before")

    def save(self, trainer: Trainer, best: bool = False) -> bool:
        """Save the state now, as the best one if it is; every rank must call it. False if it failed, and may."""
        if trainer.is_global_zero and not self.directory.is_dir():
            raise PlatformError(
                f"{self.directory} was deleted while the run wrote into it;",
                "what it had saved is gone with it;",
                "start it again, and leave the directory of a run that goes on alone.",
            )
        self._number += 1
        name = manifest.name_of(trainer.global_step, self._number)
        if best:
            self.best_save = name
        for logger in trainer.loggers:  # curves must reach as far as the checkpoint from which a run may be resumed
            try:
                logger.save()
            except OSError as error:
                warn(Path(logger.save_dir or self.directory), error)
        path, failed = self.directory / f"{name}.ckpt", None
        try:
            trainer.save_checkpoint(path, weights_only=False)
        except OSError as error:  # in the first rank; the others wait for it
            failed = error
            self._note(failed, path, trainer)
            trainer.strategy.barrier("Trainer.save_checkpoint")
        if trainer.is_global_zero and failed is None:
            size, sha256 = trainer.strategy.checkpoint_io.saved
            place = (trainer.global_step, self._number, trainer.current_epoch)
            try:
                manifest.record(self.directory, Manifest(*place, size, sha256, self.best_save), self.keep)
            except OSError as error:
                failed = error
                self._note(failed, path, trainer)
        saved = trainer.strategy.broadcast(failed is None)
        self._failures = 0 if saved else self._failures
        return saved

    def _note(self, error: OSError, path: Path, trainer: Trainer) -> None:
        """Warn of a save that failed, or end the run with it."""
        self._failures += 1
        for left in (path, path.with_suffix(".json")):
            left.unlink(missing_ok=True)
        manifest.delete_temporaries(path.parent)
        size = trainer.strategy.checkpoint_io.saved[0]
        free = shutil.disk_usage(path.parent).free
        given = (
            f"the state of step {trainer.global_step} cannot be saved in {path.parent}: {error.strerror or error} after"
            f" {format_bytes(size)} of it, with {format_bytes(free)} free;"
        )
        if self.on_save_error == "warn" and self._failures < MOST_FAILURES:
            log.warning("%s the run goes on, and the states saved before are whole.", given)
            return
        again = f"resume={path.parent.parent}"
        raise PlatformError(
            given,
            "the states saved before are whole;" if manifest.read_all(path.parent) else "nothing was saved before;",
            f"make room or see to its permissions, and go on with {again}; callbacks.checkpoint.on_save_error=warn"
            " goes on without.",
        ) from error

    def state_dict(self) -> dict[str, Any]:
        return {
            "value": self.best_value,
            "epoch": self.best_epoch,
            "metrics": self.best_metrics,
            "save": self.best_save,
            "number": self._number,
            "validated": self._validated,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_value, self.best_epoch = state_dict["value"], state_dict["epoch"]
        self.best_metrics = dict(state_dict["metrics"])
        self.best_save, self._number = state_dict["save"], state_dict["number"]
        self._validated = state_dict.get("validated")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["netyard"] = dict(self._attached.checkpoint_contents)

    def _improves(self, trainer: Trainer) -> bool:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self.monitor not in metrics:
            raise _not_logged("task.monitor", self.monitor, trainer)
        value = metrics[self.monitor]
        best = self.best_value
        if best is not None and not math.isnan(best) and not (value > best if self.mode == "max" else value < best):
            return False
        self.best_value, self.best_epoch = value, trainer.current_epoch
        self.best_metrics = {name: each for name, each in metrics.items() if name.startswith("val/")}
        return True


def _not_logged(key: str, monitor: str, trainer: Trainer) -> ConfigError:
    names = sorted(str(name) for name in trainer.callback_metrics if str(name).startswith("val/"))
    near = [*get_close_matches(monitor, names), *names, "val/loss"]
    return ConfigError(
        f"{key} is {monitor};",
        f"validation logs {', '.join(names)};",
        f"try {key}={near[0]}.",
    )


def _never_validated(every: int, why: str) -> ConfigError:
    return ConfigError(
        f"trainer.check_val_every_n_epoch is {every} and {why};",
        "the best checkpoint is of an epoch that was validated;",
        "try trainer.check_val_every_n_epoch=1.",
    )
