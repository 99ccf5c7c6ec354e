"""Differentiable augmentation of the discriminator's input, through which the generator still gets its gradient."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def differentiable_augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Random brightness, shift and cutout for each image: (B, C, H, W) -> the same shape, differentiable.

    Applied to real and generated images alike: if only real ones were augmented, the generator would learn to generate
    augmented images. The discriminator then cannot memorise a small data set. Zhao et al. 2020, arXiv:2006.10738.
    """
    return cutout(translate(brighten(x, generator), generator), generator)


def brighten(x: Tensor, generator: torch.Generator) -> Tensor:
    """Add one uniform number in [-0.5, 0.5) to each image, whose pixels are in [-1, 1]."""
    return x + torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) - 0.5


def translate(x: Tensor, generator: torch.Generator, share: float = 0.125) -> Tensor:
    """Shift each image by up to this fraction of its sides, at least by up to one pixel; zeros are shifted in."""
    B, _, H, W = x.shape
    down, right = (max(1, round(side * share)) for side in (H, W))
    # The source row of each target row in the padded image; ``+ down`` because padding moves row 0 to row ``down``.
    rows = _draw(B, -down, down, generator, x) + torch.arange(H, device=x.device) + down  # (B, H)
    columns = _draw(B, -right, right, generator, x) + torch.arange(W, device=x.device) + right  # (B, W)
    padded = F.pad(x, (right, right, down, down))
    batch = torch.arange(B, device=x.device)[:, None, None]
    # Channels go last while indexing, so that (B, 1, 1), (B, H, 1) and (B, 1, W) select (B, H, W, C) in one step.
    # Indexing passes gradients on to the pixels it selects.
    return padded.movedim(1, -1)[batch, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def cutout(x: Tensor, generator: torch.Generator, share: float = 0.5) -> Tensor:
    """Set a rectangle of this fraction of the sides to zero, at a random place, which may be partly outside."""
    B, _, H, W = x.shape
    inside = []
    for side in (H, W):
        size = max(1, round(side * share))
        # The centre is uniform over the image, so pixels at the border are hidden too.
        first = _draw(B, -(size // 2), side - size // 2, generator, x)
        place = torch.arange(side, device=x.device)
        inside.append((place >= first) & (place < first + size))  # (B, side)
    hole = inside[0][:, :, None] & inside[1][:, None, :]  # (B, H, W)
    # Multiplied, not assigned: the gradient of a hidden pixel is 0.
    return x * ~hole[:, None]


def _draw(count: int, low: int, high: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Random integers from ``low`` to ``high``, both included: (count, 1), on the device of ``like``."""
    return torch.randint(low, high + 1, (count, 1), generator=generator, device=like.device)
