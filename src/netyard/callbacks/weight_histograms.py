"""Writes histograms of every weight and its gradient, which show dead or exploding layers."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.ranges.bounds import Count


class Histograms(Callback):
    """At the last step of an epoch, writes ``weights/<name>``, and ``gradients/<name>`` after clipping.

    Args:
        every_n_epochs: interval in epochs; each time the event file grows by some kilobytes per parameter.
    """

    def __init__(self, every_n_epochs: Count = 1) -> None:
        self.every_n_epochs = every_n_epochs

    # Not in on_train_epoch_end: validation, which runs before it, frees the gradients.
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not trainer.is_last_batch or (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        board: Any = getattr(trainer.logger, "experiment", None)
        if not hasattr(board, "add_histogram") or not trainer.is_global_zero:
            return
        for name, weight in pl_module.named_parameters():
            for kind, numbers in (("weights", weight.detach()), ("gradients", weight.grad)):
                if numbers is not None and len(finite := _finite(numbers)):
                    board.add_histogram(f"{kind}/{name}", finite, trainer.global_step)


def _finite(numbers: Tensor) -> Tensor:
    """Return the finite values as float32."""
    # TensorBoard's writer refuses NaN, and NumPy has no bfloat16.
    return numbers[numbers.isfinite()].float().cpu()
