"""Which ReLU units are zero for every sample, and that looking changes nothing."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from netyard.training.dead_units import BATCHES, FEWEST_SAMPLES, dead_units

PRECISION = SimpleNamespace(forward_context=contextlib.nullcontext, convert_input=lambda batch: batch)
TRAINER: Any = SimpleNamespace(strategy=None, precision_plugin=PRECISION)


class Data(L.LightningDataModule):
    """``BATCHES`` batches of a validation part, and one more, whose sample wakes every unit."""

    def __init__(self, count: int = FEWEST_SAMPLES, shape: tuple[int, ...] = (3,)) -> None:
        super().__init__()
        self.batches = [(torch.randn(-(-count // BATCHES), *shape).abs(), None) for _ in range(BATCHES)]
        self.batches.append((torch.full((1, *shape), -1.0), None))

    def split(self, name: str) -> list[int]:
        return [0] if name == "val" else []

    def has_split(self, name: str) -> bool:
        return name == "val"

    def val_dataloader(self) -> list[tuple[Tensor, None]]:
        return self.batches


class Task(nn.Module):
    """A step that calls the whole network once."""

    loss_shows_progress, compilable, device = True, True, torch.device("cpu")

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def linear(*scales: float) -> nn.Module:
    """A layer whose units are these multiples of the sum of the inputs, then ReLU."""
    layer = nn.Linear(3, len(scales), bias=False)
    layer.weight.data = torch.tensor(scales)[:, None].expand(-1, 3).clone()
    return nn.Sequential(layer, nn.ReLU())


def measured(task: Any, data: Any) -> dict[str, tuple[int, int]]:
    return dead_units(task, data, TRAINER)


def test_units_that_no_sample_of_the_first_batches_activates_are_dead() -> None:
    assert measured(Task(linear(1.0, -1.0, -2.0, 0.0)), Data()) == {"1": (3, 4)}


def test_a_map_is_dead_if_it_is_zero_everywhere() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU())
    net[0].weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    assert measured(Task(net), Data(shape=(1, 4, 4))) == {"1": (1, 2)}


def test_inputs_are_what_the_data_make_of_a_batch() -> None:
    class Pixels(Data):
        def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            return batch[0] / 255, batch[1]

    data = Pixels()
    data.batches = [((255 * x).byte(), y) for x, y in data.batches[:BATCHES]]
    assert measured(Task(linear(1.0, -1.0)), data) == {"1": (1, 2)}


def test_each_call_of_a_module_counts_alone() -> None:
    relu = nn.ReLU()
    net = nn.Sequential(nn.Linear(3, 2, bias=False), relu, nn.Linear(2, 2, bias=False), relu)
    net[0].weight.data, net[2].weight.data = torch.ones(2, 3), -torch.ones(2, 2)
    assert measured(Task(net), Data()) == {"1": (0, 2), "1, call 2": (2, 2)}


def test_looking_changes_neither_mode_nor_hooks_nor_random_numbers() -> None:
    task, before = Task(nn.Sequential(linear(1.0, -1.0), nn.Dropout(0.5))).train(), torch.get_rng_state()
    assert measured(task, Data()) and task.training and task.net.training
    assert not task.net[0][1]._forward_hooks
    torch.set_rng_state(before)
    data = Data()
    state = torch.get_rng_state()
    measured(task, data)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("net", [nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2), nn.GELU())])
def test_other_activations_have_no_dead_units(net: nn.Module) -> None:
    assert measured(Task(net), Data()) == {}


def test_where_the_facts_are_missing_nothing_is_counted() -> None:
    assert measured(Task(linear(-1.0)), Data(FEWEST_SAMPLES - BATCHES)) == {}
    several = Task(linear(-1.0))
    several.compilable = False
    assert measured(several, Data()) == {}
    assert measured(SimpleNamespace(), Data()) == {}
