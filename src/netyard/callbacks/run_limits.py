"""When a run ends besides its epochs: a time limit, and the least number of epochs and steps."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from netyard.tasks.interfaces import StepsInEnvironments

log = logging.getLogger(__name__)


class TimeLimit(Callback):
    """Ends training after a step when the time since its start is over; the run can be resumed.

    Lightning's own timer counts the time of all starts, so that a resumed run would end at once, and lets a run end
    between accumulated gradients, which no checkpoint has.

    Args:
        seconds: of training, with its validations, in this start of the run.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.reached = False
        """Whether the time has ended the run before its epochs or steps did."""
        self._deadline = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._deadline = time.monotonic() + self.seconds

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.should_stop or ((batch_idx + 1) % trainer.accumulate_grad_batches and not trainer.is_last_batch):
            return
        over = time.monotonic() >= self._deadline
        if trainer.world_size > 1:  # all ranks must stop after the same step
            over = trainer.strategy.broadcast(over)
        if over:
            self.reached = trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs, steps = trainer.max_epochs or -1, trainer.max_steps
        # Lightning counts an epoch that is cut off as processed.
        whole = trainer.fit_loop.epoch_progress.current.processed - (not trainer.is_last_batch)
        if 0 <= epochs <= whole or 0 <= steps <= trainer.global_step:
            self.reached = False  # the last step of the run ended it as well


class EpochsFirst(Callback):
    """Says at the start if the epochs of a run end it before the steps that were asked for."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        per_batch = pl_module.steps_per_batch if isinstance(pl_module, StepsInEnvironments) else 1
        per_epoch = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches) * per_batch
        if trainer.is_global_zero and (most := (trainer.max_epochs or 0) * per_epoch) < trainer.max_steps:
            log.warning(
                "trainer.max_epochs=%d ends the run at step %d, before trainer.max_steps=%d (-1 is no limit of epochs)",
                *(trainer.max_epochs, most, trainer.max_steps),
            )


class Minimum(Callback):
    """Drops a wish to stop before ``trainer.min_epochs`` and ``trainer.min_steps``.

    Lightning would fulfil it as soon as both are reached, also when the score has improved since, and would validate
    after each step until then.
    """

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # Another batch after a wish to stop: Lightning has found that the minimum is not reached.
        trainer.should_stop = False
