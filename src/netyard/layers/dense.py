"""Hidden layers of a multilayer perceptron, of an encoder or of a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from netyard.layers.activations import activation_layer


def dense_layers(
    sizes: Sequence[int], activation: str, batch_norm: bool = False, dropout: float = 0.0, gated: bool = False
) -> list[nn.Module]:
    """Linear, batch norm, activation and dropout from each size to the next.

    ``gated`` ones have a second linear map in place of the activation, whose sigmoid says how much of the first passes.
    Dauphin et al. 2017, arXiv:1612.08083.

    Raises:
        ArgumentError: no activation has that name.
    """
    activation_layer(activation)  # refused by name even where there is no layer
    layers: list[nn.Module] = []
    for size, hidden_size in pairwise(sizes):
        width = 2 * hidden_size if gated else hidden_size
        layers.append(nn.Linear(size, width, bias=not batch_norm))  # batch norm brings its own shift
        if batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.GLU(dim=1) if gated else activation_layer(activation))
        if dropout:
            layers.append(nn.Dropout(dropout))
    return layers
