"""The threshold of a score that a new normal sample exceeds with at most a given probability."""

from __future__ import annotations

import math

from torch import Tensor


def conformal_threshold(scores: Tensor, share: float) -> tuple[float, bool]:
    """Return the threshold of normal scores (N,), and whether they are enough for this share of false alarms.

    A new score of the same distribution is above the k-th smallest of N with a probability of at most
    ``1 - k / (N + 1)``, whatever the distribution (Vovk et al. 2005); k is the smallest with which that is ``share``.
    Of too few scores the threshold is the largest; of none it is infinite.
    """
    if not len(scores):
        return math.inf, False
    # Rounded first: (99 + 1) * (1 - 0.01) is a little more than 99 in floating point.
    wanted = math.ceil(round((len(scores) + 1) * (1 - share), 9))
    ordered = scores.sort().values
    return float(ordered[min(wanted, len(scores)) - 1]), wanted <= len(scores)


def smallest_count(share: float) -> int:
    """Return the number of normal scores from which on a threshold with this share of false alarms exists."""
    return math.ceil(round(1 / share - 1, 9))
