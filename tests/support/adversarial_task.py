"""A generative adversarial task with a small network, and checks of its training."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.losses.adversarial import AdversarialLoss
from netyard.models.gan import GAN
from netyard.tasks.adversarial import Adversarial
from netyard.training import checkpoint
from support.command_result import Ran

MEAN, STD = torch.tensor([0.3, 0.5])[:, None, None], torch.tensor([0.4, 0.2])[:, None, None]


class Pictures(L.LightningDataModule):
    """Fixed batches of two channels, with labels or numbers."""

    def __init__(self, batches: int = 6, size: int = 4, labelled: bool = True) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(2)
        self.batches = []
        for _ in range(batches):
            pixels = torch.rand(size, 2, 8, 8, generator=random)
            y = torch.arange(size) % 3 if labelled else torch.zeros(size, 1)
            self.batches.append(((pixels - MEAN) / STD, y))

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        return MEAN, STD

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    test_dataloader = val_dataloader = train_dataloader


def trainer_of(epochs: int = 1, **settings: Any) -> L.Trainer:
    defaults = {"logger": False, "enable_checkpointing": False, "limit_val_batches": 0}
    return L.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **{**defaults, **settings},
    )


def dense(shape: tuple[int, ...] = (2, 8, 8), **settings: Any) -> GAN:
    torch.manual_seed(0)
    return GAN(shape, 3, latent_size=4, hidden_sizes=[8], **settings)


def task_of(net: nn.Module | None = None, objective: str = "non_saturating", lr: float = 0.01, **settings: Any) -> Any:
    torch.manual_seed(0)
    optimizer = settings.pop("optimizer", partial(torch.optim.Adam, lr=lr, betas=(0.5, 0.999)))
    scheduler = settings.pop(
        "scheduler", lambda optimizer, total: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    )
    return Adversarial(net or dense(), AdversarialLoss(objective), optimizer, scheduler, 3, **settings)


def constant(optimizer: torch.optim.Optimizer, total: float) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def check_penalty_holds_slope(lr: float, repeats: int) -> None:
    """With a gradient penalty the slope between real and generated images is 1; without one it is steeper."""
    slopes, data = [], Pictures(6)
    fixed = data.batches
    for weight in (0.0, 10.0):
        task = task_of(objective="wasserstein", gradient_penalty=weight, lr=lr, scheduler=constant)
        data.batches = fixed * repeats
        trainer_of().fit(task, data)
        data.batches = fixed
        real = torch.cat([task._scaled(x) for x, _ in data.batches])
        between = torch.lerp(real, 2 * task.pictures(len(real)) - 1, 0.5).requires_grad_()
        (slope,) = torch.autograd.grad(task.net.discriminator(between).sum(), between)
        slopes.append(slope.flatten(1).norm(dim=1).mean().item())
    assert slopes[0] > 1.5 and slopes[1] == pytest.approx(1, abs=0.2)


def check_trains(train: Callable[..., Ran], model: str, *small: str) -> None:
    """Train six steps by the command line: test scores are finite, and images of the checkpoint are written."""
    short = ("trainer.max_epochs=1", "trainer.limit_train_batches=6", "logger=none")
    done = train(f"model={model}", *small, *short)
    assert done.code == 0, done.err
    results = done.json("results.json")
    assert results["steps"] == 6 and results["objective"]["name"] == "val/frechet_distance"
    assert math.isfinite(results["metrics"]["test/frechet_distance"])
    assert checkpoint.load(done.path).pictures(2).shape == (2, 1, 8, 8)
