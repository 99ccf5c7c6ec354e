"""Resize a batch of images to the size that a network needs, on the device of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from netyard.ranges.image_size import height_and_width, shortest


class Resize(nn.Module):
    """(B, C, H, W) -> (B, C, *size), bilinear; a batch of that size is returned unchanged.

    Args:
        size: height and width, or the side of squares.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = height_and_width(size)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] == self.size:
            return x
        # Downsampling needs a low-pass filter against aliasing; when upsampling it changes nothing and costs time.
        # align_corners=False: pixels are areas, as in Pillow and OpenCV, so that the image is not shifted.
        shrinks = x.shape[-1] > self.size[1] or x.shape[-2] > self.size[0]
        return F.interpolate(x, self.size, mode="bilinear", align_corners=False, antialias=shrinks)

    def extra_repr(self) -> str:
        return f"size={shortest(*self.size)}"


class PadOrResize(Resize):
    """(B, C, H, W) -> (B, C, size, size): padded with zeros if the image is slightly smaller, else bilinear.

    LeNet-5 pads 28x28 digits to 32x32, so that strokes can be at the centre of every receptive field.
    """

    def __init__(self, size: int, largest_margin: int = 4) -> None:
        super().__init__(size)
        self.largest_margin = largest_margin

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        bottom, right = self.size[0] - height, self.size[1] - width
        if min(bottom, right) >= 0 and max(bottom, right) <= self.largest_margin:
            # F.pad counts from the last axis: left, right, top, bottom. An odd pixel goes to the right and bottom.
            return F.pad(x, (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2))
        return super().forward(x)
