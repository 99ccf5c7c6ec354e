"""The last, shorter accumulation of an epoch."""

from __future__ import annotations

from lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer


class LastAccumulation(Callback):
    """Averages the gradients of the last batches of an epoch over their number.

    Lightning divides each loss by ``accumulate_grad_batches``. If the batches of an epoch are no multiple of it, fewer
    gradients are added up before the last step, which would be too small: with 5 batches and 3 accumulated, 2/3 of it.
    First of all callbacks, so that norms are logged, and gradients clipped, afterwards.
    """

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        every = trainer.accumulate_grad_batches
        added = trainer.fit_loop.epoch_loop.batch_progress.current.ready % every
        if not added:
            return
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(every / added)
