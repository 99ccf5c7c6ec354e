"""Activations, initial weights, resizing, and fitting a network to small images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.layers.initialization import WEIGHT_INITS, initialize_weights


@pytest.mark.parametrize("scheme", WEIGHT_INITS)
@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "gelu", "selu"])
def test_every_scheme_sets_weights_and_clears_biases(scheme: str, activation: str) -> None:
    layer = nn.Linear(64, 32)
    before = layer.weight.detach().clone()
    initialize_weights(layer, scheme, activation)
    assert torch.equal(layer.weight, before) == (scheme == "default")
    assert (layer.bias == 0).all() == (scheme != "default")


def test_kaiming_keeps_the_variance_of_a_relu_layer() -> None:
    layer = nn.Linear(1000, 1000)
    initialize_weights(layer, "kaiming_normal", "relu")
    assert layer.weight.std().item() == pytest.approx((2 / 1000) ** 0.5, rel=0.02)
