"""Keeps the best and the last state of a run, and remembers how good the best was."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from netyard.errors import ConfigError


class BestAndLast(Checkpoint):
    """Writes ``last.ckpt`` at the end of every epoch, and makes it ``best.ckpt`` too when the monitor improved.

    A state is written once: best is a hard link to it, until last is replaced by the next. As Lightning runs
    checkpoint callbacks after all others, an epoch is saved when nothing more happens in it, so that a resumed run
    misses nothing.

    Args:
        monitor: a metric that validation logs.
        mode: ``max`` or ``min``.
        directory: where the files go; set by the run.
        contents: what else a checkpoint says, plain types; set by the run.
    """

    def __init__(
        self, monitor: str, mode: str, directory: str | None = None, contents: Mapping[str, Any] | None = None
    ):
        self.monitor, self.mode = monitor, mode
        self.directory = Path(directory) if directory else None
        self.contents = dict(contents or {})
        self.best_value: float | None = None
        self.best_epoch: int | None = None
        self.best_metrics: dict[str, float] = {}
        self._validated = False

    @property
    def best(self) -> Path:
        assert self.directory is not None  # the run sets it before fit
        return self.directory / "best.ckpt"

    @property
    def last(self) -> Path:
        return self.best.with_name("last.ckpt")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        every, epochs = trainer.check_val_every_n_epoch or 1, trainer.max_epochs or -1
        if 0 < epochs < every:
            raise _never_validated(every, f"the run has {epochs} epoch{'s' * (epochs > 1)}")
        if trainer.is_global_zero:
            self.best.parent.mkdir(parents=True, exist_ok=True)

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
        self.save(trainer)
        if improved and trainer.is_global_zero:
            _link(self.last, self.best)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.best_epoch is None:
            raise _never_validated(trainer.check_val_every_n_epoch or 1, "the run ended before")

    def save(self, trainer: Trainer) -> None:
        """Write ``last.ckpt`` now; every rank must call it."""
        trainer.save_checkpoint(self.last, weights_only=False)

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.best_value, "epoch": self.best_epoch, "metrics": self.best_metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_value, self.best_epoch = state_dict["value"], state_dict["epoch"]
        self.best_metrics = dict(state_dict["metrics"])

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["netyard"] = self.contents

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


def _link(source: Path, target: Path) -> None:
    """Make target the same file as source, whole at every moment; a copy where the file system has no hard links."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:
        shutil.copyfile(source, draft)
    draft.replace(target)
