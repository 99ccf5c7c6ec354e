"""Bring a batch of images to the size a network can take, on the device the batch is on."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Resize(nn.Module):
    """(B, C, H, W) -> (B, C, size, size), bilinear; a batch of that size passes untouched."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] == (self.size, self.size):
            return x
        # Shrinking needs the low-pass filter; for growing it changes nothing and costs time.
        shrinks = x.shape[-1] > self.size
        return F.interpolate(x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=shrinks)

    def extra_repr(self) -> str:
        return f"size={self.size}"


class PadOrResize(Resize):
    """(B, C, H, W) -> (B, C, size, size): a margin of zeros when the image nearly fits, else bilinear.

    LeNet-5 reads 28x28 digits on a 32x32 field, so that strokes can reach the centre of every receptive
    field.
    """

    def __init__(self, size: int, largest_margin: int = 4) -> None:
        super().__init__(size)
        self.largest_margin = largest_margin

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        bottom, right = self.size - height, self.size - width
        if min(bottom, right) >= 0 and max(bottom, right) <= self.largest_margin:
            return F.pad(x, (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2))
        return super().forward(x)
