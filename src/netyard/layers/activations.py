"""Activation functions by name, for all models built from layers of this package.

Softmax is not among them: during training it is part of the loss (cross-entropy takes logits and applies a
log-softmax that cannot overflow), afterwards of the prediction. In the net it would be applied twice, which makes
gradients small.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from torch import nn

from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check

# Only functions of one number each: a module that mixes features, as softmax does, would depend on the axis.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,  # e.g. for a linear autoencoder, which learns the subspace of a PCA
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,  # Nair & Hinton 2010
    "leaky_relu": nn.LeakyReLU,  # slope 0.01 below zero, torch's default; Maas et al. 2013
    "elu": nn.ELU,  # Clevert et al. 2015, arXiv:1511.07289
    "selu": nn.SELU,  # Klambauer et al. 2017, arXiv:1706.02515
    "gelu": nn.GELU,  # Hendrycks & Gimpel 2016, arXiv:1606.08415
    "silu": nn.SiLU,  # also called swish; Ramachandran et al. 2017, arXiv:1710.05941
    "softplus": nn.Softplus,  # a smooth ReLU: its slope is nowhere constant, as a contractive autoencoder needs
}
REASONS = {"softmax": "is in the loss and in prediction, not in the net"}
Activation: TypeAlias = Annotated[str, OneOf(ACTIVATIONS, REASONS)]


def activation_layer(activation: Activation) -> nn.Module:
    """Return a new activation module.

    Raises:
        ArgumentError: no activation has that name.
    """
    check(activation_layer, locals(), "model")
    return ACTIVATIONS[activation]()
