"""What a few numbers can say: mean, deviation, intervals of a mean and of a share, and a paired comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

RESAMPLES = 10_000
FEWEST = 3  # values that an interval is given for
EXACT = 20  # pairs up to which every one of the 2^n flips is counted


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    """The sample standard deviation, with n - 1; None of a single value."""
    if len(values) < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def interval(values: Sequence[float], coverage: float = 0.95) -> tuple[float, float] | None:
    """A percentile bootstrap interval of the mean (Efron 1979); None of fewer than three values.

    The resamples are the same at every call. Of few values it is too narrow: three of them have ten means in all.
    """
    if len(values) < FEWEST:
        return None
    import numpy as np

    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    tail = 50 * (1 - coverage)
    low, high = np.percentile(np.asarray(values, dtype=float)[drawn].mean(axis=1), [tail, 100 - tail])
    return float(low), float(high)


def wilson(hits: int, trials: int, coverage: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927), which stays within [0, 1] and holds for few trials too."""
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    share, spread = hits / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def sign_flip(differences: Sequence[float]) -> float:
    """The two-sided p value of paired differences under random signs (Fisher 1935).

    Exact up to 20 pairs, of 100,000 random flips beyond. No p of n pairs can be below 2 / 2^n.
    """
    import numpy as np

    values = np.asarray(differences, dtype=float)
    seen = abs(values.sum()) * (1 - 1e-9)  # equal sums may differ in their last bits
    if len(values) <= EXACT:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
        return float((abs(sums) >= seen).mean())
    generator = np.random.default_rng(0)
    signs = np.stack([generator.choice([-1.0, 1.0], size=100_000) for _ in values])
    # The seen order of signs is one of the flips, so that p is never 0 (Phipson & Smyth 2010).
    return float(((abs(values @ signs) >= seen).sum() + 1) / (100_000 + 1))
