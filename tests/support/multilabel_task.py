"""A multilabel task of three labels, and fixed batches for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netyard.losses.binary import BinaryCrossEntropy
from netyard.tasks.multilabel import Multilabel


def task_of(
    net: nn.Module, labels: int = 3, lr: float = 0.0, loss: nn.Module | None = None, **settings: Any
) -> Multilabel:
    return Multilabel(
        net,
        BinaryCrossEntropy() if loss is None else loss,
        partial(torch.optim.SGD, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        labels,
        **settings,
    )


def samples(sizes: tuple[int, ...], labels: int = 3) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(1)
    return [(torch.randn(size, 4), (torch.rand(size, labels) < 0.4).to(torch.uint8)) for size in sizes]
