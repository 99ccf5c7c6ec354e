"""Other ways to train the network of a run on its data, each as its authors would write it.

An epoch is a pass over the training part in a new order, and one over the validation part without gradients.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor


class Samples(NamedTuple):
    """Pictures as they are kept, and how they become what a network takes."""

    x: Tensor  # uint8 (N, C, H, W)
    y: Tensor  # int64 (N,)
    val_x: Tensor
    val_y: Tensor
    mean: Tensor  # (C, 1, 1), of pictures in [0, 1]
    std: Tensor
    batch_size: int


class Rival(Protocol):
    def epoch(self) -> float:
        """Train an epoch, and validate; the CPU seconds it took."""
