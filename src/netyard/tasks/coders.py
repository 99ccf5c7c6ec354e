"""Nets with a code in the middle: what a task may ask of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn


class Coder(Protocol):
    """What the task needs of a net: a flat code (B, latent_size) of an input, and an input from a code."""

    def encode(self, x: Tensor) -> Tensor: ...

    def decode(self, z: Tensor) -> Tensor: ...


def check_coder(net: nn.Module, input_shape: Sequence[int], shares: bool = False) -> None:
    """Refuse a net that does not make a flat code of an input, and an input of a code.

    Args:
        shares: its codes must lie in [0, 1].

    Raises:
        ValueError: as said.
    """
    name = type(net).__name__
    if not callable(getattr(net, "encode", None)) or not callable(getattr(net, "decode", None)):
        raise ValueError(f"{name} has no encode and decode; task reconstruction needs both; try model=autoencoder.")
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
        raise ValueError(f"the codes of {name} are no tensor (B, latent_size); try model=autoencoder.")
    if shape != tuple(input_shape):
        raise ValueError(
            f"{name} makes {list(shape)} of inputs of {list(input_shape)}; a reconstruction has the input's shape; "
            "try model=autoencoder."
        )
    if shares and not ((codes >= 0) & (codes <= 1)).all():
        raise ValueError(
            f"sparsity is 'kl' and the codes of {name} are not between 0 and 1; KL sparsity is of shares; "
            "try model.code_activation=sigmoid, or task.sparsity=l1."
        )
