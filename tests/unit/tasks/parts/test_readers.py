"""Networks that read something else than a task gives them."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.tasks.parts.readers import check_reader


class Reads(nn.Module):
    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return x * scale


class ReadsTwo(nn.Module):
    def forward(self, source: Tensor, tokens: Tensor) -> Tensor:
        return source + tokens


class ReadsAny(nn.Module):
    def forward(self, *inputs: Tensor) -> Tensor:
        return inputs[0]


class ReadsNone(nn.Module):
    def encode(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("net", [Reads(), ReadsAny(), nn.Linear(2, 2), nn.Sequential(nn.ReLU())], ids=repr)
def test_a_network_of_one_input_is_taken(net: nn.Module) -> None:
    check_reader(net, "classification")


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (ReadsTwo(), "ReadsTwo reads source and tokens; task regression needs a net that .*; try model=mlp"),
        (ReadsNone(), "ReadsNone reads nothing; task regression needs a net that .*; try model=mlp"),
    ],
    ids=["two", "none"],
)
def test_a_network_of_several_inputs_or_none_is_refused(net: nn.Module, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        check_reader(net, "regression")
