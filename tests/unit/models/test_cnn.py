"""The simple CNN and LeNet-5."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netyard.models.cnn import CNN
from netyard.models.lenet import LeNet5


def test_each_block_has_its_channels_and_pools_while_it_can() -> None:
    net = CNN(10, 1, 8, channels=[4, 8, 16], kernel_size=5, activation="gelu", batch_norm=False, dropout=0.2)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size) for m in convolutions] == [
        (1, 4, (5, 5)),
        (4, 8, (5, 5)),
        (8, 16, (5, 5)),
    ]
    assert net.blocks(torch.zeros(2, 1, 8, 8)).shape == (2, 16, 2, 2)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    wide = CNN(10, 1, [8, 20], channels=[4, 8, 16])
    assert wide.blocks(torch.zeros(2, 1, 8, 20)).shape == (2, 16, 2, 5), "as often as the shorter side allows"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 4}, "kernel_size is 4; .* odd"),
        ({"channels": []}, r"channels is \[\]; .*; try"),
        ({"channels": [8, -1]}, "channels is -1; .* at least 1"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"activation": "swish"}, "activation is 'swish'"),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(**{"num_outputs": 10, "in_channels": 1, "image_size": 8, **arguments})


@pytest.mark.parametrize(("in_channels", "parameters"), [(1, 61_706), (3, 62_006)])
def test_lenet5_has_the_published_count_for_ten_classes(in_channels: int, parameters: int) -> None:
    net = LeNet5(10, in_channels)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


@pytest.mark.parametrize("side", [8, 28, 32, 50])
def test_lenet5_accepts_images_of_any_size(side: int) -> None:
    assert LeNet5(10, 1)(torch.zeros(2, 1, side, side)).shape == (2, 10)
