"""Conversion of images between the scale of a network's input, normalised by its data, and pixels in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Pixels(nn.Module):
    """Convert normalised images (B, C, H, W) to pixels, ``x * std + mean``; tables and sequences are not changed.

    The statistics are those of the training split. They are buffers, so a checkpoint contains them, and images can be
    generated from it without the data.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, input_shape: Sequence[int]) -> None:
        super().__init__()
        self.is_image = len(input_shape) == 3
        # One number for each channel, which broadcasts over height and width; mean 0 and std 1 change nothing.
        shape = (input_shape[0], 1, 1) if self.is_image else (1,)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def set_statistics(self, data: Any) -> None:
        """Copy mean and standard deviation of a datamodule's images."""
        if self.is_image:
            mean, std = data.pixel_statistics()  # (C, 1, 1) each
            # In place, so that the buffers keep their device.
            self.mean.copy_(mean)
            self.std.copy_(std)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.std + self.mean

    def normalized(self, pixels: Tensor) -> Tensor:
        """The inverse: pixels -> normalised images."""
        return (pixels - self.mean) / self.std
