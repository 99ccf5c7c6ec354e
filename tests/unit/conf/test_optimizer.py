"""Every optimizer that is listed learns, alone and with every schedule that is listed."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netyard.config import catalog
from netyard.optim import configure_optimizer

OPTIMIZERS = catalog.options("optimizer")


def test_the_classics_are_there():
    assert set(OPTIMIZERS) >= {
        *(
            "sgd",
            "momentum",
            "nesterov",
            "adagrad",
            "rmsprop",
            "adam",
            "adamw",
            "adadelta",
            "adamax",
            "nadam",
            "radam",
        ),
        *("adafactor", "lbfgs", "muon"),
    }


def learn(optimizer, scheduler, steps: int) -> list[float]:
    """Fit a small net to a smooth function; the loss before each step."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 4, generator=generator)
    y = torch.sin(x).sum(1, keepdim=True)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    config = configure_optimizer(net, optimizer, scheduler, steps, "val/loss")
    built, schedule = config["optimizer"], config["lr_scheduler"]["scheduler"]

    def closure():
        built.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        return loss

    losses = []
    for _ in range(steps):
        losses.append(built.step(closure).item())
        if config["lr_scheduler"]["interval"] == "step":
            schedule.step()
        else:
            schedule.step(losses[-1])
    return losses


@pytest.mark.parametrize("weight_decay", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_loss_falls_with_the_files_own_settings(name, weight_decay, chosen):
    optimizer = chosen("optimizer", name)
    assert optimizer.keywords["lr"] > 0
    if weight_decay:
        if "weight_decay" not in optimizer.keywords:
            pytest.skip(f"{name} has no weight decay")
        optimizer = chosen("optimizer", name, weight_decay=1e-3)
    steps = 100 if optimizer.keywords["lr"] >= 0.001 else 400  # adam_gan's are small on purpose
    losses = learn(optimizer, chosen("scheduler", "constant"), steps)
    assert losses[-1] < 0.7 * losses[0]  # RAdam is slow to start


@pytest.mark.parametrize("scheduler", catalog.options("scheduler"))
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_every_schedule(name, scheduler, chosen):
    losses = learn(chosen("optimizer", name), chosen("scheduler", scheduler), 6)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("group", ["optimizer", "scheduler", "loss"])
def test_a_file_opens_by_saying_what_it_is(group):
    for name in catalog.options(group):
        first = (catalog.conf_dir() / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# "), name
