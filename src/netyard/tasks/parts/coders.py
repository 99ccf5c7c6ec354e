"""Encoder-decoder nets: the interfaces that tasks need, and their checks."""

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
    """A flat code (B, latent_size) of an input, and an input from a code."""

    def encode(self, x: Tensor) -> Tensor: ...

    def decode(self, z: Tensor) -> Tensor: ...


class VariationalCoder(Protocol):
    """The posterior's mean and log-variance (B, latent_size) of an input, and the likelihood's parameters of a code."""

    input_shape: tuple[int, ...]
    latent_size: int
    num_classes: int | None  # None: not conditional

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


def check_coder(net: nn.Module, input_shape: Sequence[int], shares: bool = False) -> None:
    """Refuse a net that does not make a flat code of an input, and an input of a code.

    Args:
        shares: its codes must lie in [0, 1].

    Raises:
        ArgumentError: no encode or decode, codes or reconstructions of another shape, codes outside [0, 1].
    """
    name = type(net).__name__
    if lacks(net, "encode", "decode"):
        raise ArgumentError(
            f"{name} has no encode and decode;",
            "task reconstruction needs both;",
            "try model=autoencoder.",
        )
    device = next((each.device for each in net.parameters()), torch.device("cpu"))
    x = torch.linspace(-3, 3, 2 * math.prod(input_shape), device=device).view(2, *input_shape)
    training = net.training
    net.eval()
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
            "a code has latent_size numbers for each sample;",
            "try model=autoencoder.",
        )
    if shape != tuple(input_shape):
        raise ArgumentError(
            f"{name} makes {list(shape)} of inputs of {list(input_shape)};",
            "a reconstruction has the input's shape;",
            "try model=autoencoder.",
        )
    if shares and not ((codes >= 0) & (codes <= 1)).all():
        raise ArgumentError(
            f"sparsity is 'kl' and the codes of {name} are not between 0 and 1;",
            "KL sparsity compares mean activations, which must be probabilities;",
            "try model.code_activation=sigmoid, or task.sparsity=l1.",
        )
