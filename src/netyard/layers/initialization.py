"""Initialisation of the weights of linear and convolutional layers, by the name of a scheme."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

from torch import Tensor, nn
from torch.nn import init

from netyard.layers.activations import Activation
from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check

# calculate_gain has values for sigmoid, tanh, relu, leaky_relu and selu; the smooth versions of relu get its gain.
_GAIN_OF = {"gelu": "relu", "silu": "relu", "elu": "relu", "softplus": "relu", "identity": "linear"}


def _schemes(activation: str) -> dict[str, Callable[[Tensor], Tensor]]:
    gain_name = _GAIN_OF.get(activation, activation)
    gain = init.calculate_gain(gain_name)
    # He's derivation is for rectifiers, which lose half of the variance; others get the gain of a linear layer.
    kaiming = "relu" if gain_name in ("relu", "leaky_relu") else "linear"
    return {
        "xavier_uniform": partial(init.xavier_uniform_, gain=gain),  # Glorot & Bengio 2010
        "xavier_normal": partial(init.xavier_normal_, gain=gain),
        "kaiming_uniform": partial(init.kaiming_uniform_, nonlinearity=kaiming),  # He et al. 2015, arXiv:1502.01852
        "kaiming_normal": partial(init.kaiming_normal_, nonlinearity=kaiming),
        "orthogonal": partial(init.orthogonal_, gain=gain),  # Saxe et al. 2013, arXiv:1312.6120
        "normal": partial(init.normal_, std=0.01),  # Krizhevsky et al. 2012
        "zeros": init.zeros_,  # for demonstration: equal units get equal gradients, and so stay equal
    }


WEIGHT_INITS = ("default", *_schemes("relu"))
WeightInit: TypeAlias = Annotated[str, OneOf(WEIGHT_INITS)]


def initialize_weights(module: nn.Module, weight_init: WeightInit, activation: Activation = "relu") -> None:
    """Initialise the weights of all linear and convolutional layers of a module, and set their biases to zero.

    ``default`` keeps torch's own initialisation. ``activation`` is the one after each layer, which sets the gain.

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
