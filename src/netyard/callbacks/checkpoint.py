"""Keeps the best and the last state of a run, and remembers how good the best was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from netyard import manifests
from netyard.errors import ConfigError
from netyard.manifests import Manifest


class BestAndLast(Checkpoint):
    """Saves at the end of every epoch; ``last.ckpt`` is a name of the newest save, ``best.ckpt`` of the best one.

    A state is written once, see ``manifests``. As Lightning runs checkpoint callbacks after all others, an epoch is
    saved when nothing more happens in it, so that a resumed run misses nothing.

    Args:
        monitor: a metric that validation logs.
        mode: ``max`` or ``min``.
        keep: how many of the newest saves stay, besides the best: should one break, the run continues from another.
        directory: where the files go; set by the run.
        contents: what else a checkpoint says, plain types; set by the run.
    """

    def __init__(
        self,
        monitor: str,
        mode: str,
        keep: int = 2,
        directory: str | None = None,
        contents: Mapping[str, Any] | None = None,
    ):
        if keep < 1:
            raise ValueError(f"keep is {keep}; a run keeps 1 save at least; try callbacks.checkpoint.keep=2.")
        self.monitor, self.mode, self.keep = monitor, mode, keep
        self.directory = Path(directory) if directory else None
        self.contents = dict(contents or {})
        self.best_value: float | None = None
        self.best_epoch: int | None = None
        self.best_metrics: dict[str, float] = {}
        self.best_save: str | None = None
        self._number = 0  # of saves so far
        self._stepped: int | None = None  # batches that stepped before the state that a resumed run goes on from
        self._validated = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        every, epochs = trainer.check_val_every_n_epoch or 1, trainer.max_epochs or -1
        if 0 < epochs < every:
            raise _never_validated(every, f"the run has {epochs} epoch{'s' * (epochs > 1)}")
        if trainer.is_global_zero:
            assert self.directory is not None  # the run sets it before fit
            self.directory.mkdir(parents=True, exist_ok=True)
            manifests.tidy(self.directory)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._stepped is not None:  # Lightning takes one more for granted, and would draw the curves a step late
            trainer.fit_loop.epoch_loop._batches_that_stepped = self._stepped
            self._stepped = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # At max_steps Lightning leaves an epoch as it is; asked to stop, it validates first.
        if 0 <= trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        improved = self._validated and self._improves(trainer)
        self._validated = False
        self.save(trainer, improved)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.best_epoch is None:
            raise _never_validated(trainer.check_val_every_n_epoch or 1, "the run ended before")

    def save(self, trainer: Trainer, best: bool = False) -> None:
        """Save the state now, as the best one if it is; every rank must call it."""
        assert self.directory is not None
        self._number += 1
        name = manifests.name_of(trainer.global_step, self._number)
        if best:
            self.best_save = name
        for logger in trainer.loggers:  # a curve reaches as far as the state, which the run may go on from
            logger.save()
        trainer.save_checkpoint(self.directory / f"{name}.ckpt", weights_only=False)
        if trainer.is_global_zero:
            size, sha256 = trainer.strategy.checkpoint_io.saved
            place = (trainer.global_step, self._number, trainer.current_epoch)
            manifests.record(self.directory, Manifest(*place, size, sha256, self.best_save), self.keep)
        trainer.strategy.barrier("netyard.manifest")

    def state_dict(self) -> dict[str, Any]:
        return {
            "value": self.best_value,
            "epoch": self.best_epoch,
            "metrics": self.best_metrics,
            "save": self.best_save,
            "number": self._number,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_value, self.best_epoch = state_dict["value"], state_dict["epoch"]
        self.best_metrics = dict(state_dict["metrics"])
        self.best_save, self._number = state_dict["save"], state_dict["number"]

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["netyard"] = self.contents

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._stepped = checkpoint["loops"]["fit_loop"]["epoch_loop.state_dict"]["_batches_that_stepped"]

    def _improves(self, trainer: Trainer) -> bool:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self.monitor not in metrics:
            known = ", ".join(sorted(metrics))
            raise ValueError(
                f"task.monitor is {self.monitor}; validation logs {known}; set task.monitor to one of them."
            )
        value = metrics[self.monitor]
        best = self.best_value
        if best is not None and not math.isnan(best) and not (value > best if self.mode == "max" else value < best):
            return False
        self.best_value, self.best_epoch = value, trainer.current_epoch
        self.best_metrics = {name: each for name, each in metrics.items() if name.startswith("val/")}
        return True


def _never_validated(every: int, why: str) -> ConfigError:
    return ConfigError(
        f"trainer.check_val_every_n_epoch is {every} and {why};",
        "the best checkpoint is of an epoch that was validated;",
        "try trainer.check_val_every_n_epoch=1.",
    )
