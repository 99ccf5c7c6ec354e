"""Exponential moving averages of weights, with a warm-up of their decay."""

from __future__ import annotations

import torch
from torch import nn


def decay_at(updates: int, decay: float, warmup: bool) -> float:
    """Return the decay of an update, after so many earlier ones: ``min(decay, (1 + n) / (10 + n))`` with a warm-up.

    Without a warm-up the initial weights, which are noise, still make up ``decay ** n`` of the average: after 80 steps
    with a decay of 0.99 that is 45 %. The rule is that of TensorFlow's ``ExponentialMovingAverage``.
    """
    return min(decay, (1 + updates) / (10 + updates)) if warmup else decay


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Update an exponential moving average of a network's weights: ``decay * average + (1 - decay) * weights``."""
    for mean, current in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)
    # Buffers (batch statistics) are averages already, and some are integers, which cannot be averaged.
    for mean, current in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(current)
