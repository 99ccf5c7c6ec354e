from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.metrics.features import HeadInput
from netyard.models.cnn import CNN
from netyard.models.mlp import MLP


@pytest.mark.parametrize(
    ("net", "size"),
    [
        (CNN(10, in_channels=1, image_size=8, channels=[4, 6]), 6),
        (MLP([1, 8, 8], 10, hidden_sizes=[12, 7]), 7),
        (MLP([1, 8, 8], 10, hidden_sizes=[]), 64),
    ],
    ids=["cnn", "mlp", "perceptron"],
)
def test_the_last_layer_maps_the_features_to_the_output(net: nn.Module, size: int) -> None:
    judge = HeadInput(net, [0.3], [0.4]).eval()
    pictures = torch.rand(5, 1, 8, 8)
    features = judge(pictures)
    assert features.shape == (5, size)
    head = [layer for layer in net.modules() if isinstance(layer, nn.Linear)][-1]
    torch.testing.assert_close(head(features), net((pictures - 0.3) / 0.4))


def test_each_call_has_its_own_features() -> None:
    judge = HeadInput(MLP([1, 2, 2], 3, hidden_sizes=[]), [0.0], [1.0]).eval()
    first, second = torch.rand(2, 4, 1, 2, 2)
    assert torch.equal(judge(first), first.flatten(1)) and torch.equal(judge(second), second.flatten(1))


def test_a_net_without_a_linear_layer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Conv2d has no linear layer; .*; try a run of model=cnn"):
        HeadInput(nn.Conv2d(1, 1, 3), [0.0], [1.0])
