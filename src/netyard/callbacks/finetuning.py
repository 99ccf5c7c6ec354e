"""The second phase of fine-tuning."""

from __future__ import annotations

from lightning import Callback, LightningModule, Trainer

from netyard.errors import ArgumentError
from netyard.ranges.bounds import Index
from netyard.tasks.interfaces import Unfreezes


class Unfreeze(Callback):
    """Calls the net's ``unfreeze()`` when ``epoch`` begins, counted from 0: what ``model.freeze`` held learns too."""

    def __init__(self, epoch: Index) -> None:
        self.epoch = epoch

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not isinstance(pl_module.net, Unfreezes):
            raise ArgumentError(
                f"callbacks has unfreeze, and {type(pl_module.net).__name__} has nothing frozen;",
                "it goes with a model that takes model.freeze;",
                "take unfreeze out of callbacks.",
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that resumes within an epoch does not start that epoch again.
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch >= self.epoch:
            pl_module.net.unfreeze()
