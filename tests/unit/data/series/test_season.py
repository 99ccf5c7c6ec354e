"""The season of a frequency, where the series shows it, and what else a training part says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netyard.data.series.frequency import Frequency
from netyard.data.series.season import autocorrelations, choose, drift, remarks

DAILY = Frequency("fixed", 86_400_000_000)
STEPS = np.arange(400)
NOISE = np.random.default_rng(0).normal(size=400)
WEEKLY = 10 * np.sin(2 * np.pi * STEPS / 7) + NOISE


def test_the_correlation_of_changes_by_hand() -> None:
    found = autocorrelations([np.cumsum([1.0, -1, 1, -1, 1, -1, 1, -1, 1])], 2)
    assert found.tolist() == pytest.approx([1, -7 / 8, 6 / 8], abs=0.01)
    assert autocorrelations([np.ones(50), np.arange(3.0)], 4).tolist() == [0] * 5


@pytest.mark.parametrize(
    ("series", "frequency", "window", "given", "season", "said"),
    [
        (WEEKLY, DAILY, 28, None, 7, "season of 7 days, by the frequency"),
        (WEEKLY + 0.1 * STEPS, DAILY, 28, None, 7, "season of 7 days"),
        (WEEKLY, DAILY, 5, None, 1, r"try data\.season=7 data\.window=7"),
        (WEEKLY, DAILY, 28, 1, 1, r"data\.season is 1, and the series of days has a season of 7"),
        (WEEKLY, DAILY, 28, 7, 7, ""),
        (WEEKLY, None, 28, None, 1, r"seems to have a season of 7 steps; try data\.season=7"),
        (NOISE, DAILY, 28, None, 1, ""),
        (NOISE.cumsum(), DAILY, 28, None, 1, ""),
        (np.exp(0.01 * STEPS) + 0.01 * NOISE, DAILY, 28, None, 1, ""),
        (np.sin(2 * np.pi * STEPS / 24) + 0.05 * NOISE, Frequency("fixed", 3_600_000_000), 48, None, 24, "24 hours"),
    ],
)
def test_the_season_of_a_series(
    series: np.ndarray, frequency: Frequency | None, window: int, given: int | None, season: int, said: str
) -> None:
    found, sentence = choose(frequency, [series], window, given)
    assert found == season and (re.search(said, sentence) if said else not sentence), sentence


def test_a_trend_that_leaves_the_range_of_training() -> None:
    assert drift([0.1 * STEPS + NOISE], 800) > 4 and drift([NOISE], 800) < 1
    assert drift([WEEKLY, 0.1 * STEPS + NOISE], 800) > 4 and drift([np.ones(9)], 20) == 0


def test_many_zeros_are_told() -> None:
    counts = np.maximum(np.round(NOISE), 0)
    (told,) = remarks({"sold": [counts], "price": [NOISE]})
    assert "'sold' are 0" in told and "loss=mse" in told
