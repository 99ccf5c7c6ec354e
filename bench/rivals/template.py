"""The arrangement of lightning-hydra-template: Lightning, a DataLoader of transformed pictures, torchmetrics.

Its choices, in code of our own: mean loss, accuracy and best accuracy as torchmetrics objects, logged every step for
the epoch and the progress bar; Adam with a plateau schedule; Rich's bar and summary, a checkpoint of the best and the
last epoch, early stopping, no logger.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichModelSummary, RichProgressBar
from torch import Tensor, nn
from torchmetrics import MaxMetric, MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from rivals import Samples
from rivals.loader_loop import loaders


class Module(L.LightningModule):
    def __init__(self, net: nn.Module, num_classes: int, lr: float) -> None:
        super().__init__()
        self.net, self.lr = net, lr
        self.criterion = nn.CrossEntropyLoss()
        self.train_accuracy, self.val_accuracy = MulticlassAccuracy(num_classes), MulticlassAccuracy(num_classes)
        self.train_loss, self.val_loss, self.best = MeanMetric(), MeanMetric(), MaxMetric()

    def both(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        x, y = batch
        logits = self.net(x)
        return self.criterion(logits, y), logits.argmax(dim=1), y

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss, answers, y = self.both(batch)
        self.train_loss(loss)
        self.train_accuracy(answers, y)
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("train/acc", self.train_accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        loss, answers, y = self.both(batch)
        self.val_loss(loss)
        self.val_accuracy(answers, y)
        self.log("val/loss", self.val_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("val/acc", self.val_accuracy, on_step=False, on_epoch=True, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        self.best(self.val_accuracy.compute())
        self.log("val/acc_best", self.best.compute(), prog_bar=True)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=10)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val/loss"}}


class _Clock(L.Callback):
    """Of the last epoch: the ones before warm up."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.began = time.process_time()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds = time.process_time() - self.began


class Template:
    """Each epoch is the second of a fit of two, validation and checkpoint included."""

    def __init__(self, net: nn.Module, samples: Samples, num_classes: int, lr: float = 1e-3) -> None:
        self.module, self.samples = Module(net, num_classes, lr), samples

    def epoch(self) -> float:
        clock = _Clock()
        with TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = L.Trainer(
                accelerator="cpu",
                max_epochs=2,
                logger=False,
                default_root_dir=folder,
                callbacks=[
                    ModelCheckpoint(Path(folder) / "checkpoints", monitor="val/acc", mode="max", save_last=True),
                    EarlyStopping("val/acc", mode="max", patience=100),
                    RichModelSummary(max_depth=-1),
                    RichProgressBar(),
                    clock,
                ],
            )
            trainer.fit(self.module, *loaders(self.samples))
        return clock.seconds
