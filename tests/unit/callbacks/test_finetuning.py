"""What changes the course of a run: stopping early, averaged weights, a backbone set free."""

from __future__ import annotations

import lightning as L
import torch

from netyard.callbacks.finetuning import Unfreeze


def test_a_run_that_resumes_within_an_epoch_is_set_free_there_too():
    class Net(torch.nn.Module):
        frozen = True

        def unfreeze(self) -> None:
            self.frozen = False

    for epoch, frozen in ((2, True), (3, False), (4, False)):
        task, trainer = L.LightningModule(), L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        task.net = Net()
        trainer.fit_loop.epoch_progress.current.completed = epoch
        trainer.fit_loop.epoch_progress.current.processed = epoch
        Unfreeze(3).on_train_start(trainer, task)
        assert task.net.frozen is frozen
