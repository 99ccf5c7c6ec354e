"""Unfreezes a pretrained network for the second phase of fine-tuning."""

from __future__ import annotations

from lightning import Callback, LightningModule, Trainer

from netyard.errors import ArgumentError
from netyard.ranges.bounds import Index
from netyard.tasks.interfaces import Unfreezes


class Unfreeze(Callback):
    """Calls the network's ``unfreeze()`` at the start of ``epoch``, counted from 0.

    From then on the layers that ``model.freeze`` had frozen are trained too.

    Raises:
        ArgumentError: the model has no frozen layers.
    """

    def __init__(self, epoch: Index) -> None:
        self.epoch = epoch

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not isinstance(pl_module.net, Unfreezes):
            raise ArgumentError(
                f"callbacks has unfreeze, and {type(pl_module.net).__name__} has no frozen layers;",
                "it is for models with model.freeze;",
                "remove unfreeze from callbacks.",
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that resumes in the middle of an epoch gets no on_train_epoch_start for it, and requires_grad is in no
        # checkpoint. Calling unfreeze() twice changes nothing.
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch >= self.epoch:
            pl_module.net.unfreeze()
