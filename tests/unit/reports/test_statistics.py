"""Statistics of a few seeds against values worked by hand."""

from __future__ import annotations

import random

import pytest

from netyard.reports.statistics import deviation, interval, mean, sign_flip


def test_mean_and_deviation_by_hand() -> None:
    # squares of the distances to 5: 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32; 32 / 7
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    assert mean(values) == 5.0
    assert deviation(values) == pytest.approx((32 / 7) ** 0.5)
    assert deviation([3.0]) is None


def test_an_interval_by_hand() -> None:
    # Three values have 27 resamples. One in 27 (3.7 %) is of the least alone, so the lowest 2.5 % are it.
    assert interval([1.0, 2.0, 3.0]) == (1.0, 3.0)
    # Five zeros and ones: P(no one among 5 draws at 1/5) = 0.33, P(3 or more) = 0.058, P(4 or more) = 0.0067.
    assert interval([0.0, 0.0, 0.0, 0.0, 1.0]) == pytest.approx((0.0, 0.6))


def test_an_interval_is_the_same_each_time_and_wants_three_values() -> None:
    values = [random.Random(0).gauss(0, 1) for _ in range(40)]
    assert interval(values) == interval(values)
    assert interval(values[:2]) is None


def test_an_interval_of_many_values_is_the_normal_one() -> None:
    generator = random.Random(1)
    values = [generator.gauss(10, 2) for _ in range(400)]
    half = 1.96 * deviation(values) / 20
    assert interval(values) == pytest.approx((mean(values) - half, mean(values) + half), abs=0.03)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 1.0, 1.0], 2 / 8),  # only +++ and --- reach 3
        ([1.0, 2.0, 3.0, -1.0], 6 / 16),  # |sum| >= 5: ++++, +++- and -+++, and their mirrors
        ([0.5, -0.5], 1.0),  # a sum of 0 is reached by every flip
        ([0.1, 0.2, 0.3], 2 / 8),  # 0.1 + 0.2 + 0.3 in another order has other last bits
        ([2.0], 1.0),
        ([1.0] * 6, 2 / 64),
    ],
)
def test_a_sign_flip_test_by_hand(differences: list[float], p: float) -> None:
    assert sign_flip(differences) == p


def test_twenty_pairs_are_exact_and_more_are_drawn() -> None:
    assert sign_flip([1.0] * 20) == 2 / 2**20
    assert sign_flip([1.0] * 30) == pytest.approx(1e-5, rel=0.01), "never 0"
    # 12 of 24 positive and of one size: P(|S| >= 0) = 1
    assert sign_flip([1.0, -1.0] * 12) == 1.0
    # 17 of 25 heads or more, two-sided: 2 * 0.053876 by the binomial
    assert sign_flip([1.0] * 17 + [-1.0] * 8) == pytest.approx(0.10775, abs=0.004)
