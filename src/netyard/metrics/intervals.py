"""Statistics of few values: mean, standard deviation, confidence intervals of means and proportions, a paired test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

FLIPS = 100_000  # random sign flips of a test that is not exact
MIN_VALUES = 3  # for an interval
ENOUGH_PAIRS = 6  # of fewer, no sign-flip test can give p < 0.05
MAX_EXACT_PAIRS = 20  # with up to so many pairs, all 2^n sign flips are computed (8 MB)


def mean(values: Sequence[float]) -> float:
    # fsum() is exact: the mean does not depend on the order of the values.
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    """The sample standard deviation, divided by n - 1; None for a single value."""
    if len(values) < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def interval(values: Sequence[float], coverage: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of the mean (Student 1908); None for fewer than three values.

    It holds the mean of normal values in the stated share of the cases, also of three of them, of which a bootstrap
    has only ten resampled means: its interval is too narrow.
    """
    if len(values) < MIN_VALUES:
        return None
    from scipy.special import stdtrit  # here, so that commands that need no interval start without it

    spread = deviation(values)
    assert spread is not None
    half = float(stdtrit(len(values) - 1, (1 + coverage) / 2)) * spread / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def wilson(hits: int, trials: int, coverage: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927), valid for few trials too and always within [0, 1]."""
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    # The roots p of (hits / trials - p)^2 = z^2 p (1 - p) / trials.
    share, spread = hits / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    # The roots are within [0, 1], but for rounding.
    return max(centre - half, 0.0), min(centre + half, 1.0)


def sign_flip(differences: Sequence[float]) -> float:
    """The two-sided p value of paired differences in a sign-flip permutation test (Fisher 1935).

    Exact for up to 20 pairs, estimated from 100,000 random flips for more. With n pairs, p is at least 2 / 2^n.
    """
    import numpy as np

    values = np.asarray(differences, dtype=float)
    seen = abs(values.sum()) * (1 - 1e-9)  # sums of other signs that are equal may differ in their last bits
    if len(values) <= MAX_EXACT_PAIRS:
        sums = np.zeros(1)
        for value in values:  # doubles the sums: (1,), (2,), (4,), ... (2^n,)
            sums = np.concatenate([sums + value, sums - value])
        return float((abs(sums) >= seen).mean())
    generator = np.random.default_rng(0)
    signs = np.stack([generator.choice([-1.0, 1.0], size=FLIPS) for _ in values])  # (n, FLIPS)
    # The observed signs count as one of the flips, so that p is never 0 (Phipson & Smyth 2010).
    return float(((abs(values @ signs) >= seen).sum() + 1) / (FLIPS + 1))
