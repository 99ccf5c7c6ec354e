"""The adversarial task: pictures by a seed of their own, interpolations, and what it refuses."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from netyard.tasks.adversarial import Adversarial
from support.adversarial_task import constant, dense, task_of


def test_pictures_are_drawn_by_a_seed_of_their_own() -> None:
    task = task_of(dense(conditional=True))
    before = torch.get_rng_state()
    one, again, other = task.pictures(5, seed=1), task.pictures(5, seed=1), task.pictures(5, seed=2)
    assert one.shape == (5, 2, 8, 8) and one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert not torch.equal(task.pictures(2, label=1), task.pictures(2, label=2))
    assert task.net.generator.training
    assert torch.equal(torch.get_rng_state(), before)
    for labelless, label in ((task, 3), (task_of(), 0)):
        with pytest.raises(ValueError, match=rf"label is {label}; (this net takes no label|it must be from 0 to 2)"):
            labelless.pictures(1, label=label)


@pytest.mark.parametrize("conditional", [False, True])
def test_an_interpolation_goes_from_one_sample_to_another_of_its_class(conditional: bool) -> None:
    task = task_of(dense(conditional=conditional))
    strips = task.interpolation(rows=4, columns=5, seed=3)
    assert strips.shape == (4, 5, 2, 8, 8) and torch.equal(strips, task.interpolation(rows=4, columns=5, seed=3))
    ends = torch.randn(2, 4, 1, 4, generator=torch.Generator().manual_seed(3))
    told = (torch.arange(4) % 3,) if conditional else ()
    task.net.generator.eval()
    for column, z in ((0, ends[0]), (4, ends[1])):
        made = (task.net.generator(z[:, 0], *told) + 1) / 2
        torch.testing.assert_close(strips[:, column], made.detach(), rtol=1e-4, atol=1e-5)
    if conditional:
        assert not torch.equal(task.interpolation(rows=2, label=0), task.interpolation(rows=2, label=1))


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (nn.Linear(1, 1), {}, r"Linear has no latent_size, .*needs a net with .*try model=dcgan"),
        (None, {"discriminator_steps": 0}, r"discriminator_steps is 0; .*try task\.discriminator_steps=1"),
        (None, {"discriminator_lr": -1.0}, r"discriminator_lr is -1\.0; it must be a number above 0, or null"),
        (None, {"ema_decay": 1.0}, r"ema_decay is 1\.0"),
        (None, {"r1": math.nan}, r"r1 is nan"),
        (dense(shape=(5,)), {"diffaug": True}, r"diffaug is true, and .* rows of a table; .*; try task\.diffaug=false"),
    ],
)
def test_what_does_not_fit_is_refused(net: nn.Module | None, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(net, **settings)


def test_a_loss_of_one_player_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss MSELoss is not adversarial; .*try loss=non_saturating"):
        Adversarial(dense(), nn.MSELoss(), partial(torch.optim.SGD, lr=1.0), constant, 3)
