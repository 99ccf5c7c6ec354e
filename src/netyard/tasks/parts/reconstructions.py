"""What autoencoder tasks keep of an evaluation, for the callbacks that draw it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Reconstructions(NamedTuple):
    """Pictures in [0, 1] on the CPU: the inputs, noise included, and the outputs of the net."""

    inputs: Tensor  # (K, C, H, W)
    outputs: Tensor  # (K, C, H, W)


class Codes(NamedTuple):
    """The codes of a test on the CPU, for the embedding projector."""

    codes: Tensor  # (N, latent_size)
    labels: Tensor  # (N,)
    pictures: Tensor | None  # (N, C, H, W) in [0, 1]
