"""How far two values have to be apart before a check says so: by the size of the part that they were measured on."""

from __future__ import annotations

import math

from netyard.diagnostics.facts import Facts
from netyard.metrics.intervals import wilson

LEAST = 0.02  # relative; below that, a difference is of no use even if it is certain
FEW_ERRORS = 4  # with so few mistakes a better network cannot be told from this one: n +- sqrt(n) includes hardly any


def share_interval(share: float, samples: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many samples."""
    return wilson(round(share * samples), samples)


def difference_of_shares(one: float, other: float, samples: int) -> float:
    """Two standard errors of the difference of two shares.

    As if they were of different samples. Of the same it is less, by how much they agree, which is not known.
    """
    return 2 * math.sqrt((one * (1 - one) + other * (1 - other)) / samples)


def relative_error(samples: int, horizon: int = 1) -> float:
    """Two standard errors of a mean error, as a part of it, where a single error varies as much as its mean.

    Absolute errors of a normal distribution vary by 0.76 of their mean, their squares by 1.41, of which the root has
    half. Windows that overlap count once for each horizon.
    """
    return max(2 / math.sqrt(max(samples / horizon, 1)), LEAST)


def can_improve(facts: Facts) -> bool:
    """Whether the validation part is large enough, and has errors enough, that an improvement would be seen."""
    accuracies, count = facts.values("val/accuracy"), facts.samples.get("val", 0)
    if not accuracies:
        return True
    return (1 - max(accuracies)) * count > FEW_ERRORS
