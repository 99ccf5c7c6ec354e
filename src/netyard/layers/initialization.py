"""Schemes that set the first weights of linear and convolutional layers, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

from torch import Tensor, nn
from torch.nn import init

from netyard.layers.activations import Activation
from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check

# calculate_gain knows the saturating and the rectifying kinds; the smooth rectifiers are treated as the relu
# they resemble.
_GAIN_OF = {"gelu": "relu", "silu": "relu", "elu": "relu", "softplus": "relu", "identity": "linear"}


def _schemes(activation: str) -> dict[str, Callable[[Tensor], Tensor]]:
    gain_name = _GAIN_OF.get(activation, activation)
    gain = init.calculate_gain(gain_name)
    kaiming = "relu" if gain_name in ("relu", "leaky_relu") else "linear"
    return {
        "xavier_uniform": partial(init.xavier_uniform_, gain=gain),  # Glorot & Bengio 2010
        "xavier_normal": partial(init.xavier_normal_, gain=gain),
        "kaiming_uniform": partial(init.kaiming_uniform_, nonlinearity=kaiming),  # He et al. 2015, arXiv:1502.01852
        "kaiming_normal": partial(init.kaiming_normal_, nonlinearity=kaiming),
        "orthogonal": partial(init.orthogonal_, gain=gain),  # Saxe et al. 2013, arXiv:1312.6120
        "normal": partial(init.normal_, std=0.01),  # Krizhevsky et al. 2012
        "zeros": init.zeros_,  # a demonstration: equal units stay equal for ever
    }


WEIGHT_INITS = ("default", *_schemes("relu"))
WeightInit: TypeAlias = Annotated[str, OneOf(WEIGHT_INITS)]


def initialize_weights(module: nn.Module, weight_init: WeightInit, activation: Activation = "relu") -> None:
    """Set the weights of every linear and convolutional layer inside, and their biases to zero.

    ``default`` leaves everything as torch made it. The gain is that of the activation that follows.

    Raises:
        ArgumentError: no scheme or activation has that name.
    """
    check(initialize_weights, locals(), "model")
    if weight_init == "default":
        return
    initialize = _schemes(activation)[weight_init]
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            initialize(layer.weight)
            if layer.bias is not None:
                init.zeros_(layer.bias)
