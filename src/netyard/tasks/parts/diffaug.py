"""Augmentation for the eyes of the discriminator only, through which the generator can still be taught."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def differentiable_augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, a shift, and a hole, drawn for each picture: (B, C, H, W) -> the same, differentiable.

    Real and generated pictures are both seen like this, so that none of it is learned as a mark of the real ones,
    and a discriminator cannot learn a small data set by heart. Zhao et al. 2020, arXiv:2006.10738.
    """
    return cutout(translate(brighten(x, generator), generator), generator)


def brighten(x: Tensor, generator: torch.Generator) -> Tensor:
    """Add between -0.5 and 0.5 to all of a picture in [-1, 1]."""
    return x + torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) - 0.5


def translate(x: Tensor, generator: torch.Generator, share: float = 0.125) -> Tensor:
    """Shift by up to this share of the sides, by one pixel at least; zeros come in."""
    B, _, H, W = x.shape
    down, right = (max(1, round(side * share)) for side in (H, W))
    rows = _draw(B, -down, down, generator, x) + torch.arange(H, device=x.device) + down  # (B, H)
    columns = _draw(B, -right, right, generator, x) + torch.arange(W, device=x.device) + right
    padded = F.pad(x, (right, right, down, down))
    batch = torch.arange(B, device=x.device)[:, None, None]
    return padded.movedim(1, -1)[batch, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def cutout(x: Tensor, generator: torch.Generator, share: float = 0.5) -> Tensor:
    """Zeros in a rectangle of this share of the sides, anywhere, partly outside too."""
    B, _, H, W = x.shape
    inside = []
    for side in (H, W):
        size = max(1, round(side * share))
        first = _draw(B, -(size // 2), side - size // 2, generator, x)
        place = torch.arange(side, device=x.device)
        inside.append((place >= first) & (place < first + size))  # (B, side)
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return x * ~hole[:, None]


def _draw(count: int, low: int, high: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Whole numbers (count, 1), both ends included."""
    return torch.randint(low, high + 1, (count, 1), generator=generator, device=like.device)
