"""The rate that `debug=lr_finder` suggests of a curve, and the settings that it refuses."""

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


def test_the_steepest_fall_is_suggested_and_a_break_is_not_one() -> None:
    """A logistic fall around the rate 0.01, in noise, then a loss that breaks."""
    draw = torch.Generator().manual_seed(0)
    noise = (0.05 * torch.randn(100, generator=draw)).tolist()
    fall = [2.3 - 2 / (1 + math.exp(-(place - 60) / 4)) + noise[place] for place in range(95)]
    found = finder([*fall, 50.0, 1e3, 1e4, 1e5, 1e6])
    assert found.rates[60] / 2 < found.suggestion < found.rates[60] * 2


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    assert finder([1 + place / 10 for place in range(100)]).suggestion is None


@pytest.mark.parametrize("settings", [{"low": 1.0, "high": 0.1}, {"low": 0.0}, {"num_steps": 3}])
def test_rates_that_are_none_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"try trainer\.max_steps=100"):
        LearningRateFinder(**settings)
