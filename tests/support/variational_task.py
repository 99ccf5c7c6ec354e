"""A variational task with a small network."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from netyard.losses.likelihoods import Bernoulli
from netyard.models.vae import VAE
from netyard.tasks.variational import Variational

SHAPE = (1, 4, 4)


def net_of(num_classes: int | None = None, likelihood: Any = None, shape: Any = SHAPE) -> VAE:
    torch.manual_seed(0)
    k = likelihood.num_parameters if likelihood is not None else 1
    return VAE(shape, 3, k, hidden_sizes=[12], num_classes=num_classes)


def task_of(
    net: nn.Module | None = None, loss: nn.Module | None = None, lr: float = 0.0, **settings: Any
) -> Variational:
    return Variational(
        net if net is not None else net_of(likelihood=loss),
        loss if loss is not None else Bernoulli(),
        partial(torch.optim.Adam, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        **settings,
    )
