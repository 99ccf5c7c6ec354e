"""Encoder-decoder nets: the interfaces that tasks need, and checks of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.likelihoods import Likelihood
from netyard.tasks.interfaces import lacks


class Coder(Protocol):
    """Encode an input as a flat code (B, latent_size), and decode a code."""

    def encode(self, x: Tensor) -> Tensor: ...

    def decode(self, z: Tensor) -> Tensor: ...


class VariationalCoder(Protocol):
    """Encode an input as the mean and log-variance of its posterior, (B, latent_size) each; decode a code.

    ``decode`` returns the parameters of the likelihood, for example one logit for each pixel.
    """

    input_shape: tuple[int, ...]
    latent_size: int
    num_classes: int | None  # None: the net takes no labels

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]: ...

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor: ...


def check_variational(net: nn.Module, loss: nn.Module) -> None:
    """Raise ArgumentError unless the net encodes and decodes, and the loss is a likelihood."""
    if lacks(net, "encode", "decode", *VariationalCoder.__annotations__):
        raise ArgumentError(
            f"{type(net).__name__} is not a variational autoencoder;",
            "task variational needs encode, to mean and log-variance, and decode;",
            "try model=vae, or task=classification.",
        )
    if not isinstance(loss, Likelihood):
        raise ArgumentError(
            f"loss {type(loss).__name__} is not a likelihood;",
            "task variational needs bernoulli, gaussian or discretized_logistic;",
            "try loss=bernoulli.",
        )


def check_coder(net: nn.Module, input_shape: Sequence[int], unit_interval: bool = False) -> None:
    """Check on an example that a net encodes inputs as flat codes, and decodes them to the shape of the input.

    Args:
        unit_interval: whether the codes must be in [0, 1].

    Raises:
        ArgumentError: no encode or decode, codes or reconstructions of another shape, codes outside [0, 1].
    """
    name = type(net).__name__
    # Tried before training, so that a mistake is reported at once and in terms of the config, not by a failing loss.
    if lacks(net, "encode", "decode"):
        raise ArgumentError(
            f"{name} has no encode and decode;",
            "task reconstruction needs both;",
            "try model=autoencoder.",
        )
    # Plausible standardised values, evenly spaced: no random numbers, so the check does not change the run.
    device = next((each.device for each in net.parameters()), torch.device("cpu"))
    x = torch.linspace(-3, 3, 2 * math.prod(input_shape), device=device).view(2, *input_shape)
    training = net.training
    net.eval()  # in training mode the example would change the statistics of batch norm
    try:
        with torch.no_grad():
            codes = net.encode(x)
            flat = isinstance(codes, Tensor) and codes.ndim == 2
            shape = tuple(net.decode(codes).shape[1:]) if flat else ()
    finally:
        net.train(training)
    if not flat:
        raise ArgumentError(
            f"the codes of {name} are not a tensor (B, latent_size);",
            "each sample has one code of latent_size numbers;",
            "try model=autoencoder.",
        )
    if shape != tuple(input_shape):
        raise ArgumentError(
            f"{name} decodes to the shape {list(shape)}, and the input has {list(input_shape)};",
            "a reconstruction has the shape of the input;",
            "try model=autoencoder.",
        )
    # One example cannot prove the range, but codes without a sigmoid are practically certain to leave it here.
    if unit_interval and not ((codes >= 0) & (codes <= 1)).all():
        raise ArgumentError(
            f"sparsity is 'kl' and the codes of {name} are not between 0 and 1;",
            "KL sparsity compares mean activations, which must be probabilities;",
            "try model.code_activation=sigmoid, or task.sparsity=l1.",
        )
