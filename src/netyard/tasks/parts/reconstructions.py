"""What a task with a code in the middle keeps of an evaluation, for whoever draws it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Reconstructions(NamedTuple):
    """Pictures in [0, 1] on the CPU: what the net was given, noise included, and what it made of it."""

    inputs: Tensor  # (K, C, H, W)
    outputs: Tensor  # (K, C, H, W)


class Codes(NamedTuple):
    """The codes of a test on the CPU, for a map of them."""

    codes: Tensor  # (N, latent_size)
    labels: Tensor  # (N,)
    pictures: Tensor | None  # (N, C, H, W) in [0, 1]
