"""The dimensions of a variational code: statistics of a whole evaluation, traversals and interpolations."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor

ACTIVE = 0.01


class LatentUse(NamedTuple):
    """Statistics of each dimension of the code."""

    kl: Tensor  # (D,), in nats, the mean over the data
    variance: Tensor  # (D,), of the posterior's mean over the data

    @property
    def active(self) -> Tensor:
        """(D,): whether the mean moves with the data; Burda et al. 2016, arXiv:1509.00519, section 5.2."""
        return self.variance > ACTIVE


class Latents:
    """Sums of the KL and of the posterior means, from which ``use`` computes statistics."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None

    def add(self, mean: Tensor, kl: Tensor) -> None:
        """Take in a batch, both (B, D)."""
        mean = mean.detach().double()
        sums = torch.stack([kl.double().sum(0), mean.sum(0), mean.square().sum(0), torch.ones_like(mean).sum(0)])
        self._sums = sums if self._sums is None else self._sums + sums

    def use(self, task: LightningModule) -> LatentUse | None:
        """Over all devices; None if there was no batch."""
        if self._sums is None:
            return None
        sums = task.trainer.strategy.reduce(self._sums, reduce_op="sum")
        kl, mean, square = sums[:3] / sums[3]
        return LatentUse(kl.float(), (square - mean.square()).clamp(min=0).float())


def traversal_codes(order: Tensor, rows: int, columns: int, span: float) -> Tensor:
    """Codes (rows, columns, D): dimension ``order[row]`` goes from -span to span, the others are 0."""
    z = torch.zeros(rows, columns, len(order))
    z[torch.arange(rows), :, order[:rows]] = torch.linspace(-span, span, columns)
    return z


def interpolation_codes(size: int, rows: int, columns: int, seed: int) -> Tensor:
    """Codes (rows, columns, size), from one draw of the prior to another in each row.

    Along a quarter of an ellipse, where every point is as likely under the prior as the ends; a straight line would
    pass too near to zero. White 2016, arXiv:1609.04468.
    """
    start, end = torch.randn(2, rows, 1, size, generator=torch.Generator().manual_seed(seed))
    angle = torch.linspace(0, math.pi / 2, columns)[:, None]
    return angle.cos() * start + angle.sin() * end
