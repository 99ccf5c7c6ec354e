"""Fixed batches as data."""

from __future__ import annotations

from typing import Any

import lightning as L
from torch import Tensor
from torch.utils.data import DataLoader


class FixedBatches(L.LightningDataModule):
    """Fixed batches for training, and others for validation and test."""

    def __init__(self, trained: list[tuple[Tensor, Tensor]], evaluated: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.trained, self.evaluated = trained, evaluated

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.trained, batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.evaluated, batch_size=None)  # type: ignore[arg-type]

    test_dataloader = val_dataloader
