"""How far two clouds of points are apart, as far as a mean and a covariance tell: the Frechet distance of Gaussians."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


class Gaussian:
    """Mean and covariance of points ``(B, F)`` that come in batches, in float64 on the CPU."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None

    def add(self, points: Tensor) -> None:
        # One column of ones: a single matrix product holds the count, the sums and the products.
        points = torch.cat([torch.ones(len(points), 1), points.detach().float().cpu()], dim=1).double()
        sums = points.T @ points
        self._sums = sums if self._sums is None else self._sums + sums

    def moments(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> tuple[Tensor, Tensor]:
        """Mean (F,) and covariance (F, F) of all points; ``reduce`` adds up what the devices have seen.

        Raises:
            ValueError: there are no points.
        """
        if self._sums is None:
            raise ValueError(
                "a Gaussian was asked of no points; it needs one or more; try trainer.limit_val_batches=1."
            )
        sums = reduce(self._sums).cpu()
        mean = sums[0, 1:] / sums[0, 0]
        return mean, sums[1:, 1:] / sums[0, 0] - mean.outer(mean)


def frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> Tensor:
    """The squared 2-Wasserstein distance of two Gaussians: means (F,), covariances (F, F) -> scalar, at least 0.

    ``|m - n|^2 + tr(C + D - 2 (C^1/2 D C^1/2)^1/2)``. Dowson & Landau 1982; for pictures Heusel et al. 2017,
    arXiv:1706.08500. The product is symmetric, so its eigenvalues are real and a root of them never complex.
    """
    if not (covariance.isfinite().all() and other_covariance.isfinite().all()):
        return mean.new_tensor(
            torch.nan
        )  # eigenvalues would be an error, where a run that diverged is to say so itself
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * overlap
    return distance.clamp(min=0)


class Compared:
    """What is kept of real or of generated pictures to compare them with the others."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.gaussian = Gaussian()
        self._kept: list[Tensor] = []

    def add(self, pictures: Tensor) -> None:
        """(B, C, H, W) in [0, 1]."""
        side = min(16, pictures.shape[-1])
        small = F.adaptive_avg_pool2d(pictures.float(), side).flatten(1)
        self.gaussian.add(small)
        room = self.count - sum(map(len, self._kept))
        self._kept.append(small[: max(0, room)].cpu())

    def mean_distance(self) -> Tensor:
        """Of two pictures; 0 where there is one."""
        distances = torch.pdist(torch.cat(self._kept))
        return distances.mean() if len(distances) else torch.zeros(())
