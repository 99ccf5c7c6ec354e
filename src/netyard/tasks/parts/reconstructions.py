"""Results of an evaluation that autoencoder tasks keep for callbacks, which plot them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Reconstructions(NamedTuple):
    """Images in [0, 1] on the CPU: the inputs, with noise if there is any, and the outputs of the net."""

    inputs: Tensor  # (K, C, H, W)
    outputs: Tensor  # (K, C, H, W)


class Codes(NamedTuple):
    """The codes of test samples on the CPU, for TensorBoard's embedding projector."""

    codes: Tensor  # (N, latent_size)
    labels: Tensor  # (N,)
    pictures: Tensor | None  # (N, C, H, W) in [0, 1]
