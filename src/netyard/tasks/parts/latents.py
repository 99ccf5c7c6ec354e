"""The dimensions of a variational code: statistics over an evaluation, traversals and interpolations."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor

ACTIVE = 0.01  # the threshold that Burda et al. 2016 use in section 5.2


class LatentUse(NamedTuple):
    """Statistics of each dimension of the code."""

    kl: Tensor  # (D,), in nats, the mean over the data
    variance: Tensor  # (D,), of the posterior's mean over the data

    @property
    def active(self) -> Tensor:
        """Whether each dimension's mean varies with the data, (D,); Burda et al. 2016, arXiv:1509.00519, section 5.2.

        In an inactive dimension the posterior equals the prior, so it contains no information about the sample.
        """
        return self.variance > ACTIVE


class Latents:
    """Sums of the KL and of the posterior means, from which ``statistics`` are computed."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None

    def add(self, mean: Tensor, kl: Tensor) -> None:
        """Add a batch: the posterior means and the KL, both (B, D)."""
        # float64, because the variance is a difference of two large sums, E[m^2] - E[m]^2, which cancels in float32.
        mean = mean.detach().double()
        # The count is a row too, so that one reduction over the devices sums everything.
        sums = torch.stack(
            [kl.double().sum(0), mean.sum(0), mean.square().sum(0), torch.ones_like(mean).sum(0)]
        )  # (4, D)
        self._sums = sums if self._sums is None else self._sums + sums

    def statistics(self, task: LightningModule) -> LatentUse | None:
        """Return the statistics over all devices; None before the first batch."""
        if self._sums is None:
            return None
        sums = task.trainer.strategy.reduce(self._sums, reduce_op="sum")
        kl, mean, square = sums[:3] / sums[3]
        # Rounding can make the variance of a constant dimension slightly negative.
        return LatentUse(kl.float(), (square - mean.square()).clamp(min=0).float())


def traversal_codes(order: Tensor, rows: int, columns: int, span: float) -> Tensor:
    """Codes (rows, columns, D): in each row, dimension ``order[row]`` goes from -span to span, the others are 0."""
    z = torch.zeros(rows, columns, len(order))  # 0 is the mean of the prior
    z[torch.arange(rows), :, order[:rows]] = torch.linspace(-span, span, columns)
    return z


def interpolation_codes(size: int, rows: int, columns: int, seed: int) -> Tensor:
    """Codes (rows, columns, size): each row goes from one sample of the prior to another.

    Along a quarter of an ellipse, cos(t) * start + sin(t) * end, on which every point has the distribution of the
    prior, for cos^2 + sin^2 = 1. A straight line would pass too near to zero, where samples of a prior of many
    dimensions never are. White 2016, arXiv:1609.04468.
    """
    start, end = torch.randn(2, rows, 1, size, generator=torch.Generator().manual_seed(seed))  # (rows, 1, size) each
    angle = torch.linspace(0, math.pi / 2, columns)[:, None]  # (columns, 1)
    return angle.cos() * start + angle.sin() * end
