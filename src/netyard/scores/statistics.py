"""Mean and covariance of features that come batch by batch, from one device or from many."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from netyard.scores.checks import in_float64


class FeatureStatistics(NamedTuple):
    """What a stream of features has been so far, in float64; never changed, ``add`` and ``merge`` make a new one.

    Batches are merged by deviations from their own means (Chan et al. 1983), as Welford does it for single numbers: a
    sum of squares minus a square of sums would lose the digits in which a small spread differs from a large mean.

    A tuple of tensors, so Lightning's ``all_gather`` takes it as it is; ``FeatureStatistics.gathered`` merges the
    answer, and ``_asdict()`` is what a file holds.

    num_samples: scalar.
    mean: (D,).
    scatter: (D, D), the sum over samples of the outer product of ``x - mean`` with itself.
    """

    num_samples: Tensor
    mean: Tensor
    scatter: Tensor

    @classmethod
    def empty(cls, size: int, device: torch.device | str | None = None) -> FeatureStatistics:
        """Those of no samples of ``size`` features."""
        return cls.of(torch.empty(0, size, device=device))

    @classmethod
    def of(cls, features: Tensor) -> FeatureStatistics:
        """Those of a batch (N, D), of any precision; N may be 0.

        NaN and infinity pass, and are refused where the covariance is asked for: looking for them in every batch
        would wait for the device in every batch.

        Raises:
            ValueError: not (N, D).
        """
        if features.ndim != 2 or not features.shape[1]:
            raise ValueError(
                f"the features have shape {tuple(features.shape)}; they must be (N, D), one row a sample; "
                "try features.flatten(1)."
            )
        x = in_float64(features)
        mean = x.sum(dim=0) / max(len(x), 1)
        deviations = x - mean
        return cls(x.new_tensor(len(x)), mean, deviations.T @ deviations)

    @classmethod
    def gathered(cls, stacked: FeatureStatistics) -> FeatureStatistics:
        """Those of several devices, merged in their order, from what ``all_gather`` makes: a new first axis.

        On a single device it makes none, and the statistics are returned as they are.
        """
        if not stacked.num_samples.ndim:
            return stacked
        return reduce(cls.merge, (cls(*parts) for parts in zip(*stacked, strict=True)))

    def add(self, features: Tensor) -> FeatureStatistics:
        """Those of this stream and one more batch (N, D).

        Raises:
            ValueError: another D than before.
        """
        return self.merge(FeatureStatistics.of(features))

    def merge(self, other: FeatureStatistics) -> FeatureStatistics:
        """Those of both streams, on this one's device.

        Raises:
            ValueError: they differ in D.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(
                f"statistics of {len(self.mean)} features were given {len(other.mean)}; "
                "all must come from one network; try extracting them anew with the same one."
            )
        num_samples, mean, scatter = (each.to(self.mean.device) for each in other)
        total = self.num_samples + num_samples
        share = num_samples / total.clamp(min=1)
        apart = mean - self.mean
        return FeatureStatistics(
            total,
            self.mean + share * apart,
            self.scatter + scatter + share * self.num_samples * torch.outer(apart, apart),
        )

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance, (D, D).

        Raises:
            ValueError: fewer than 2 samples, or one of them held NaN or infinity.
        """
        if self.num_samples < 2:
            count = int(self.num_samples)
            raise ValueError(
                f"the statistics are of {count} sample{'' if count == 1 else 's'}; a covariance needs at least 2; "
                "try more samples."
            )
        if not (self.mean.isfinite().all() and self.scatter.isfinite().all()):
            raise ValueError(
                "the features of some sample held NaN or infinity; every value must be finite; "
                "try an earlier checkpoint."
            )
        return self.scatter / (self.num_samples - 1)
