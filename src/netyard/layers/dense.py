"""Hidden layers of a multilayer perceptron, of an encoder or of a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from netyard.layers.activations import Activation, activation_layer
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


def dense_layers(
    sizes: Sequence[Count],
    activation: Activation,
    batch_norm: bool = False,
    dropout: Probability = 0.0,
    gated: bool = False,
) -> list[nn.Module]:
    """Return linear, batch norm, activation and dropout layers from each size to the next.

    ``gated`` layers have no activation: the output of a first linear layer is multiplied by the sigmoid of a second
    one (a gated linear unit). Dauphin et al. 2017, arXiv:1612.08083.

    Raises:
        ArgumentError: a size below 1, an unknown activation, a dropout outside [0, 1).
    """
    check(dense_layers, locals(), "model")
    layers: list[nn.Module] = []
    for size, hidden_size in pairwise(sizes):
        width = 2 * hidden_size if gated else hidden_size  # both linear layers of a gate as one matrix product
        layers.append(nn.Linear(size, width, bias=not batch_norm))  # batch norm has a bias of its own
        if batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.GLU(dim=1) if gated else activation_layer(activation))
        if dropout:
            layers.append(nn.Dropout(dropout))
    return layers
