"""An agent with a small network and a constant learning rate."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from netyard.models.q_network import QNetwork
from netyard.tasks.q_learning import QLearning


def constant(optimizer: torch.optim.Optimizer, total: float) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def task_of(net: nn.Module | None = None, loss: nn.Module | None = None, lr: float = 0.01, **keys: Any) -> QLearning:
    torch.manual_seed(0)
    optimizer = partial(torch.optim.Adam, lr=lr)
    return QLearning(
        net or QNetwork((4,), 2, hidden_sizes=[16]), loss or nn.MSELoss(), optimizer, constant, num_outputs=2, **keys
    )
