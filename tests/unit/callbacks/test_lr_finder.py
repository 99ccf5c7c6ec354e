"""`debug=lr_finder`: the rate suggested for a given loss curve, and refused settings."""

from __future__ import annotations

import math

import pytest
import torch

from netyard.callbacks.lr_finder import LearningRateFinder


def finder(losses: list[float], low: float = 1e-5, high: float = 1.0) -> LearningRateFinder:
    found = LearningRateFinder(low, high, len(losses))
    found.rates = [low * (high / low) ** (place / (len(losses) - 1)) for place in range(len(losses))]
    found.losses = losses
    return found


def test_the_rate_of_the_steepest_fall_is_suggested_and_divergence_is_ignored() -> None:
    """A logistic fall around the rate 0.01, with noise, then a loss that diverges."""
    draw = torch.Generator().manual_seed(0)
    noise = (0.05 * torch.randn(100, generator=draw)).tolist()
    fall = [2.3 - 2 / (1 + math.exp(-(place - 60) / 4)) + noise[place] for place in range(95)]
    found = finder([*fall, 50.0, 1e3, 1e4, 1e5, 1e6])
    assert found.rates[60] / 2 < found.suggestion < found.rates[60] * 2


def test_a_loss_that_only_rises_gives_no_suggestion() -> None:
    assert finder([1 + place / 10 for place in range(100)]).suggestion is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 1.0, "high": 0.1}, r"low must be below high; try callbacks\.lr_finder\.low="),
        ({"low": 0.0}, r"low is 0\.0; it must be a number above 0; try callbacks\.lr_finder\.low=1e-07"),
        ({"high": math.nan}, r"high is nan; it must be a number above 0"),
        ({"num_steps": 3}, r"num_steps is 3; it must be a whole number at least 10; try .*num_steps=100"),
        ({"divergence": 1.0}, r"divergence is 1\.0; it must be a number above 1"),
    ],
    ids=str,
)
def test_settings_outside_of_their_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LearningRateFinder(**settings)
