"""The moving average of weights: its decay, and which rule a resumed one follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import LightningModule
from torch import Tensor, nn

from netyard.callbacks.weight_average import WeightAverage


class Net(LightningModule):
    """One weight, and a count as batch norm keeps it."""

    num_batches_tracked: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("num_batches_tracked", torch.tensor(0))


def started(net: Net, **settings: Any) -> WeightAverage:
    callback = WeightAverage(**settings)
    callback.setup(SimpleNamespace(), net, "fit")  # type: ignore[arg-type]
    return callback


def after(callback: WeightAverage, net: Net, values: list[float], first_step: int = 1) -> None:
    """End a step with each of these values as the only weight."""
    for step, value in enumerate(values, start=first_step):
        with torch.no_grad():
            net.weight.fill_(value)
        net.num_batches_tracked.fill_(step)
        callback.on_train_batch_end(SimpleNamespace(global_step=step), net, None, None, 0)  # type: ignore[arg-type]


def average(callback: WeightAverage) -> Any:
    assert callback._average_model is not None
    return callback._average_model.module


def test_the_average_is_that_of_a_decay_that_grows() -> None:
    callback = started(net := Net(), decay=0.2)
    after(callback, net, [1.0, 2.0, 4.0])
    # The first is copied; then 2/11 and min(0.2, 3/12) of the average before.
    second = 2 / 11 * 1 + 9 / 11 * 2
    assert average(callback).weight.item() == pytest.approx(0.2 * second + 0.8 * 4, rel=1e-6)
    assert average(callback).num_batches_tracked == 3, "a count is no average"


def test_without_a_warm_up_the_decay_is_the_same_from_the_start() -> None:
    callback = started(net := Net(), decay=0.9, warmup=False)
    after(callback, net, [1.0, 2.0, 4.0])
    assert average(callback).weight.item() == pytest.approx(0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 4, rel=1e-6)


def resumed(callback: WeightAverage, state: dict[str, Any], **settings: Any) -> tuple[WeightAverage, Net]:
    """A new callback and network, restored as Lightning does it."""
    net = Net()
    checkpoint = {"state_dict": net.state_dict()}
    callback.on_save_checkpoint(SimpleNamespace(), net, checkpoint)  # type: ignore[arg-type]
    again = started(net, **settings)
    again.on_load_checkpoint(SimpleNamespace(), net, checkpoint)  # type: ignore[arg-type]
    again.load_state_dict(state)
    return again, net


def test_a_resumed_average_is_the_same_to_the_bit() -> None:
    values = [0.3, 0.7, 0.1, 0.9, 0.4, 0.2]
    whole = started(net := Net(), decay=0.99)
    after(whole, net, values)
    part = started(net := Net(), decay=0.99)
    after(part, net, values[:3])
    again, net = resumed(part, part.state_dict(), decay=0.99)
    after(again, net, values[3:], first_step=4)
    assert torch.equal(average(again).weight, average(whole).weight)


def test_a_run_from_before_the_warm_up_goes_on_without_it() -> None:
    values = [0.3, 0.7, 0.1, 0.9]
    old = started(net := Net(), decay=0.99, warmup=False)
    after(old, net, values[:2])
    assert old.state_key == "EMAWeightAveraging", "the key under which Lightning's class saved its state"
    again, net = resumed(old, {"latest_update_step": 2}, decay=0.99)  # a state that names no rule
    after(again, net, values[2:], first_step=3)
    after(old, net, values[2:], first_step=3)
    assert torch.equal(average(again).weight, average(old).weight)
    assert again.state_dict()["warmup"] is False, "and the next resume, too"


@pytest.mark.parametrize(
    ("settings", "step", "epoch", "expected"),
    [
        ({}, 0, None, True),
        ({}, None, 0, False),
        ({"update_every_n_steps": 3}, 4, None, False),
        ({"update_every_n_steps": 3}, 6, None, True),
        ({"update_starting_at_step": 5}, 4, None, False),
        ({"update_starting_at_epoch": 2}, None, 2, True),
    ],
)
def test_when_the_average_is_updated(settings: dict[str, int], step: int | None, epoch: int | None, expected: bool):
    assert WeightAverage(**settings).should_update(step, epoch) is expected


def test_a_decay_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decay is 1\.0; .* try callbacks\.ema\.decay="):
        WeightAverage(decay=1.0)
