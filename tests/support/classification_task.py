"""A classification task of three classes, and fixed batches for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.tasks.classification import Classification


class Batches(L.LightningDataModule):
    """Fixed batches for every stage."""

    def __init__(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader


def task_of(net: nn.Module, classes: int = 3, lr: float = 0.0, **settings: Any) -> Classification:
    return Classification(
        net,
        nn.CrossEntropyLoss(),
        partial(torch.optim.SGD, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        classes,
        **settings,
    )


def samples(sizes: tuple[int, ...], classes: int = 3) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(1)
    return [(torch.randn(size, 4), torch.randint(classes, (size,))) for size in sizes]


def joined(batches: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    x, y = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(y)
