"""The activation functions a user can name, for every family built from our own layers.

Softmax is not among them: it belongs to the loss during training (cross-entropy takes logits and applies a
log-softmax that cannot overflow) and to prediction afterwards. Inside the net it would be applied twice and
flatten the gradient.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, TypeAlias

from torch import nn

from netyard.errors import ArgumentError
from netyard.ranges.bounds import OneOf

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}
Activation: TypeAlias = Annotated[str, OneOf(ACTIVATIONS)]


def activation_layer(name: str) -> nn.Module:
    """A new activation module, by name.

    Raises:
        ArgumentError: no activation has that name.
    """
    if name not in ACTIVATIONS:
        nearest = get_close_matches(str(name), ACTIVATIONS, n=1, cutoff=0.0)[0]
        hint = "softmax is in the loss and in prediction, not in the net; " if name == "softmax" else ""
        raise ArgumentError(
            f"activation is {name!r};",
            f"it must be one of {', '.join(ACTIVATIONS)};",
            f"{hint}try model.activation={'relu' if hint else nearest}.",
        )
    return ACTIVATIONS[name]()
