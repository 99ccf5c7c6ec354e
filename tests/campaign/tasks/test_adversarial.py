"""Each kind of generative adversarial network by the command, and the gradient penalty at full length."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from netyard import checkpoint
from netyard.catalog import families
from support.adversarial_task import Pictures, constant, task_of, trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")


def test_the_gradient_penalty_holds_the_slope_at_one() -> None:
    """Between real and generated pictures, where it is asked for."""
    slopes, data = [], Pictures(6)
    fixed = data.batches
    for weight in (0.0, 10.0):
        task = task_of(objective="wasserstein", gradient_penalty=weight, lr=0.002, scheduler=constant)
        data.batches = fixed * 150
        trainer_of().fit(task, data)
        data.batches = fixed
        real = torch.cat([task._signed(x) for x, _ in data.batches])
        between = torch.lerp(real, 2 * task.pictures(len(real)) - 1, 0.5).requires_grad_()
        (slope,) = torch.autograd.grad(task.net.discriminator(between).sum(), between)
        slopes.append(slope.flatten(1).norm(dim=1).mean().item())
    assert slopes[0] > 1.5 and slopes[1] == pytest.approx(1, abs=0.2)


VARIANTS = [name for family in ("gan", "dcgan") for name in families()[family]["variants"]]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_from_the_command(train: Any, name: str) -> None:
    small = [] if name.startswith("gan") else ["model.channels=[8,16]"]
    done = train(f"model={name}", *small, "trainer.max_epochs=1", "trainer.limit_train_batches=6", "logger=none")
    assert done.code == 0, done.err
    results = done.json("results.json")
    assert results["steps"] == 6 and results["objective"]["name"] == "val/frechet_distance"
    assert math.isfinite(results["metrics"]["test/frechet_distance"])
    task = checkpoint.load(done.path)
    assert task.pictures(2).shape == (2, 1, 8, 8)
