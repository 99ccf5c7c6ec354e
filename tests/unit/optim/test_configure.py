"""One function from the user's choices to Lightning's format."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from netyard.optim import configure_optimizer, schedules
from netyard.optim.muon import MuonAdamW


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def configure(optimizer, scheduler=schedules.constant, total_steps=10, **more):
    return configure_optimizer(net(), optimizer, scheduler, total_steps, "val/loss", **more)


def test_weights_decay_in_a_group_of_their_own():
    optimizer = configure(partial(torch.optim.Adam, lr=0.1, weight_decay=0.2))["optimizer"]
    assert [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups] == [
        (2, 0.2),
        (2, 0.0),
    ]


def test_torchs_own_default_decay_is_respected():
    groups = configure(partial(torch.optim.AdamW, lr=0.1))["optimizer"].param_groups
    assert [group["weight_decay"] for group in groups] == [0.01, 0.0]


@pytest.mark.parametrize("optimizer", [partial(torch.optim.LBFGS, lr=0.1), partial(torch.optim.SGD, lr=0.1)])
def test_without_decay_there_is_one_group(optimizer):
    assert len(configure(optimizer)["optimizer"].param_groups) == 1


def test_an_optimizer_may_choose_its_own_groups():
    groups = configure(partial(MuonAdamW, lr=0.1))["optimizer"].param_groups
    assert [group["name"] for group in groups] == ["hidden", "decayed", "undecayed"]


def test_a_schedule_is_stepped_with_the_optimizer():
    config = configure(partial(torch.optim.SGD, lr=0.1), name="lr_generator")["lr_scheduler"]
    assert {key: config[key] for key in config if key != "scheduler"} == {
        "interval": "step",
        "frequency": 1,
        "name": "lr_generator",
    }


@pytest.mark.parametrize("lr", [math.nan, math.inf, -0.1, "fast", None])
def test_an_impossible_lr_is_refused(lr):
    with pytest.raises(ValueError, match=r"^lr is .*; it must be a finite number, at least 0; try optimizer\.lr="):
        configure(partial(torch.optim.SGD, lr=lr))


@pytest.mark.parametrize(
    "settings", [{"betas": (0.9, 1.5)}, {"beta": 0.9}, {"weight_decay": -1}, {"weight_decay": None}]
)
def test_a_setting_torch_refuses_is_explained(settings):
    with pytest.raises(
        ValueError, match=r"^Adam does not accept lr=0.1, .*; it takes lr, betas, .*; try the values of its file"
    ):
        configure(partial(torch.optim.Adam, lr=0.1, **settings))


def test_an_endless_run_needs_max_steps():
    with pytest.raises(ValueError, match=r"try trainer\.max_steps="):
        configure(partial(torch.optim.SGD, lr=0.1), schedules.cosine, math.inf)
    configure(partial(torch.optim.SGD, lr=0.1), schedules.constant, math.inf)
