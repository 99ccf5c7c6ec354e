"""The scale of a network's pictures: between what it sees, normalised by its data, and pixels in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Pixels(nn.Module):
    """Normalised inputs -> pixels, ``x * std + mean``, (B, C, H, W); tables and sequences stay as they are.

    The statistics are the data's, and saved with the weights, so that a network alone can draw.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, input_shape: Sequence[int]) -> None:
        super().__init__()
        self.of_pictures = len(input_shape) == 3
        shape = (input_shape[0], 1, 1) if self.of_pictures else (1,)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def learn(self, data: Any) -> None:
        """Take over the statistics of a data module's pictures."""
        if self.of_pictures:
            mean, std = data.pixel_statistics()
            self.mean.copy_(mean)
            self.std.copy_(std)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.std + self.mean

    def normalized(self, pixels: Tensor) -> Tensor:
        """Pixels -> what the network sees."""
        return (pixels - self.mean) / self.std
