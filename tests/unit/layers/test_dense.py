from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.layers.dense import dense_layers


def test_each_size_leads_to_the_next_in_the_order_of_the_docstring() -> None:
    layers = dense_layers([6, 4, 3], "relu", batch_norm=True, dropout=0.5)
    assert [type(layer) for layer in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout] * 2
    assert [tuple(layer.weight.shape) for layer in layers if isinstance(layer, nn.Linear)] == [(4, 6), (3, 4)]
    assert all(layer.bias is None for layer in layers if isinstance(layer, nn.Linear)), "batch norm brings its own"


def test_without_norm_and_dropout_there_are_none() -> None:
    layers = dense_layers([6, 4], "tanh")
    assert [type(layer) for layer in layers] == [nn.Linear, nn.Tanh]
    assert layers[0].bias is not None


@pytest.mark.parametrize("sizes", [[6], [6, 4]])
def test_an_unknown_activation_is_refused_even_where_there_is_no_layer(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="rlu"):
        dense_layers(sizes, "rlu")


def test_a_gate_multiplies_by_a_sigmoid() -> None:
    linear, gate = dense_layers([6, 4], "relu", gated=True)
    x = torch.randn(5, 6)
    kept, share = linear(x).chunk(2, dim=1)
    torch.testing.assert_close(gate(linear(x)), kept * share.sigmoid())
    assert gate(linear(x)).shape == (5, 4)
