"""A variational task with a small network, and a check of a run of one."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from netyard.losses.likelihoods import Bernoulli
from netyard.models.vae import VAE
from netyard.tasks.variational import Variational
from netyard.training import checkpoint
from support.command_result import Ran

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


def check_trained(done: Ran, words: list[str], name: str) -> Variational:
    """A finished run has finite metrics, and its network is loaded again with the properties of its images."""
    assert done.code == 0, done.err
    results = done.json("results.json")
    assert (results["task"], results["objective"]["name"], results["objective"]["mode"]) == (name, "val/elbo", "max")
    assert all(math.isfinite(value) for value in results["metrics"].values())
    task = checkpoint.load(done.path)
    assert isinstance(task, Variational)
    if not any(word.startswith("data=") for word in words):
        assert task.pixels.mean.item() == pytest.approx(0.3053) and task.pictures(3).shape == (3, 1, 8, 8)
    return task
