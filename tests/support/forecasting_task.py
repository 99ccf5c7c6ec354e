"""A forecasting task, and the smallest network for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netyard.tasks.forecasting import Forecasting

WINDOW, HORIZON, SEASON = 6, 3, 4


class Linear(nn.Module):
    """The smallest network that accepts (B, W, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WINDOW, HORIZON)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x[..., 0])


def task_of(
    net: nn.Module, lr: float = 0.0, season: int = SEASON, num_outputs: int = HORIZON, **settings: Any
) -> Forecasting:
    return Forecasting(
        net,
        nn.MSELoss(),
        partial(torch.optim.SGD, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        num_outputs,
        season=season,
        **settings,
    )
