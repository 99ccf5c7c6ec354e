"""A vector-quantised task with a small network."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from netyard.models.vq_vae import VQVAE
from netyard.tasks.vector_quantized import VectorQuantized


def task_of(net: nn.Module | None = None, loss: nn.Module | None = None, **settings: Any) -> VectorQuantized:
    torch.manual_seed(0)
    return VectorQuantized(
        net or VQVAE((1, 8, 8), channels=[8, 16], codebook_size=16, embedding_size=4),
        loss or nn.MSELoss(),
        partial(torch.optim.Adam, lr=0.01),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        **settings,
    )
