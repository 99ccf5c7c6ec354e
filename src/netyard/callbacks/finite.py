"""Ends a run whose loss is no number any more, instead of spending the rest of its budget."""

from __future__ import annotations

import math
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.errors import NumericalError


class Finite(Callback):
    """Looks at the loss every ``every_n_steps`` steps (each look waits for the device) and at every epoch's metrics.

    The epoch's look comes before its checkpoint, so the last checkpoint is always of a state that was in order.

    Raises:
        NumericalError: the loss is NaN or infinite.
    """

    def __init__(self, every_n_steps: int = 20) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % self.every_n_steps == 0:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if isinstance(loss, Tensor):
                self._check("the training loss", float(loss), trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for name, value in trainer.callback_metrics.items():
            if name.endswith("/loss"):
                self._check(name, float(value), trainer)

    def _check(self, name: str, value: float, trainer: Trainer) -> None:
        if not math.isfinite(value):
            raise NumericalError(
                f"{name} became {value} in epoch {trainer.current_epoch}, step {trainer.global_step};",
                "training goes on only while the loss is a finite number;",
                "try a smaller optimizer.lr, or trainer.gradient_clip_val=1.",
            )
