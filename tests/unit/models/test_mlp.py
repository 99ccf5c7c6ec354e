"""The multilayer perceptron."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netyard.layers.activations import ACTIVATIONS
from netyard.models.mlp import MLP


def test_hidden_sizes_become_linear_layers() -> None:
    net = MLP([1, 8, 8], 10, hidden_sizes=[64, 128, 64])
    sizes = [(m.in_features, m.out_features) for m in net.modules() if isinstance(m, nn.Linear)]
    assert sizes == [(64, 64), (64, 128), (128, 64), (64, 10)]
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_no_hidden_layers_is_softmax_regression() -> None:
    net = MLP([4], 3, hidden_sizes=[])
    assert [tuple(p.shape) for p in net.parameters()] == [(3, 4), (3,)]


def test_batch_norm_and_dropout_are_in_the_documented_order() -> None:
    kinds = [type(layer) for layer in MLP([4], 3, [8], "tanh", batch_norm=True, dropout=0.5).hidden]
    assert kinds == [nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.Tanh, nn.Dropout]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_gives_finite_logits(activation: str) -> None:
    assert MLP([4], 3, [8], activation, weight_init="xavier_uniform")(torch.randn(5, 4)).isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_sizes": [8, 0]}, "hidden_sizes is 0; .* at least 1; try"),
        ({"hidden_sizes": [8.5]}, "whole number"),
        ({"hidden_sizes": "8"}, "a list"),
        ({"num_outputs": -1}, "num_outputs is -1; .* at least 1"),
        ({"dropout": 1.5}, "dropout is 1.5; it must be a number at least 0 and below 1; try model.dropout=0.1"),
        ({"activation": "rleu"}, "activation is 'rleu'; it must be one of .*; try model.activation=relu"),
        (
            {"activation": "softmax"},
            "softmax is in the loss and in prediction, not in the net; try model.activation=relu",
        ),
        ({"weight_init": "xavier"}, "weight_init is 'xavier'; .*; try model.weight_init=xavier_"),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(**{"input_shape": [4], "num_outputs": 3, **arguments})
