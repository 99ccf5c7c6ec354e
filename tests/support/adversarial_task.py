"""A generative adversarial task with a small network."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from netyard.losses.adversarial import AdversarialLoss
from netyard.models.gan import GAN
from netyard.tasks.adversarial import Adversarial


def dense(**settings: Any) -> GAN:
    torch.manual_seed(0)
    return GAN((2, 8, 8), 3, latent_size=4, hidden_sizes=[8], **settings)


def task_of(net: nn.Module | None = None, objective: str = "non_saturating", lr: float = 0.01, **settings: Any) -> Any:
    torch.manual_seed(0)
    optimizer = settings.pop("optimizer", partial(torch.optim.Adam, lr=lr, betas=(0.5, 0.999)))
    scheduler = settings.pop(
        "scheduler", lambda optimizer, total: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    )
    return Adversarial(net or dense(), AdversarialLoss(objective), optimizer, scheduler, 3, **settings)


def constant(optimizer: torch.optim.Optimizer, total: float) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
