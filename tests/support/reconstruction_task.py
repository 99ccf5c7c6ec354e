"""A reconstruction task, the smallest network for it, and fixed batches of pictures."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netyard.tasks.reconstruction import Reconstruction
from support.fixed_batches import FixedBatches

MEAN, STD = torch.tensor([0.3])[:, None, None], torch.tensor([0.25])[:, None, None]
SHAPE, NUM_CLASSES = (1, 8, 8), 3


class Pictures(FixedBatches):
    """Fixed batches of random pictures, normalised, and other ones to validate and test."""

    num_classes: int | None = NUM_CLASSES

    def __init__(self, sizes: tuple[int, ...] = (6, 6), shape: tuple[int, ...] = SHAPE) -> None:
        generator = torch.Generator().manual_seed(1)

        def batch(size: int) -> tuple[Tensor, Tensor]:
            if len(shape) == 1:
                return torch.randn(size, *shape, generator=generator), torch.arange(size) % NUM_CLASSES
            pictures = torch.rand(size, *shape, generator=generator)
            return (pictures - MEAN) / STD, torch.arange(size) % NUM_CLASSES

        super().__init__(*([batch(size) for size in each] for each in (sizes, sizes[::-1])))

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        return MEAN, STD


class Coder(nn.Module):
    """The smallest autoencoder."""

    def __init__(self, shape: tuple[int, ...] = SHAPE, latent_size: int = 4, shares: bool = False) -> None:
        super().__init__()
        size = torch.Size(shape).numel()
        code = [nn.Sigmoid()] if shares else []
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, latent_size), nn.Tanh(), *code)
        self.decoder = nn.Sequential(nn.Linear(latent_size, size), nn.Unflatten(1, shape))
        self.seen: list[Tensor] = []

    def encode(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


def task_of(net: nn.Module, lr: float = 0.0, shape: tuple[int, ...] = SHAPE, **settings: Any) -> Reconstruction:
    return Reconstruction(
        net,
        settings.pop("loss", nn.MSELoss()),
        partial(torch.optim.Adam, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        shape,
        **settings,
    )
