"""Runs that end within an epoch: what the epoch has so far is logged, and a resumed run goes on with its next batch."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer

from netyard.tasks.interfaces import LogsCutEpochs


class CutEpoch(Callback):
    """Logs the training metrics of an epoch that is cut off, and saves the run as it was between two batches.

    Lightning counts an epoch that ``max_steps``, a time limit or early stopping ends as a whole one: a resumed run
    would begin the next, without the rest of this one. First of all callbacks, so that they see the metrics.
    """

    def __init__(self) -> None:
        self._is_cut = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._is_cut = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._is_cut = not trainer.is_last_batch
        if self._is_cut and isinstance(pl_module, LogsCutEpochs):
            pl_module.log_cut_epoch()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._is_cut:
            return
        # As the counters are at the start of a batch: that one is ready, and the epoch is not processed.
        loops = checkpoint["loops"]["fit_loop"]
        for counted in ("total", "current"):
            loops["epoch_loop.batch_progress"][counted]["ready"] += 1
            loops["epoch_progress"][counted]["processed"] -= 1
