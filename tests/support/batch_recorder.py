"""A LightningModule that records its training batches and saves checkpoints at given steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch

from support.trainers import trainer_of


class Recorder(L.LightningModule):
    """Records every training batch in the form of ``noted``, and saves a checkpoint after the given steps."""

    def __init__(self, save_after: dict[int, Path] | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.save_after = save_after or {}
        self.seen: list[Any] = []

    def noted(self, batch: Any, batch_idx: int) -> Any:
        x, y = batch
        return batch_idx, y.tolist(), x.double().sum().item()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.seen.append(self.noted(batch, batch_idx))
        return self.weight * batch[0].to(self.weight.dtype).mean()

    def on_train_batch_end(self, *_: Any) -> None:
        if len(self.seen) in self.save_after:
            self.trainer.save_checkpoint(self.save_after[len(self.seen)])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        x, y = batch
        assert len(x) == len(y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(data: L.LightningDataModule, module: Recorder, resume: Path | None = None, **options: Any) -> list[Any]:
    """Train three epochs, or those that remain after a checkpoint, and return the batches that ``module`` recorded."""
    trainer = trainer_of(**{"epochs": 3, **options})
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module.seen
