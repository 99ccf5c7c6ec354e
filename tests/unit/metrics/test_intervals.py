"""Statistics of a few seeds compared with values computed by hand."""

from __future__ import annotations

import random

import pytest

from netyard.metrics.intervals import deviation, interval, mean, sign_flip, wilson


def test_mean_and_deviation_by_hand() -> None:
    # squares of the distances to 5: 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32; 32 / 7
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    assert mean(values) == 5.0
    assert deviation(values) == pytest.approx((32 / 7) ** 0.5)
    assert deviation([3.0]) is None


def test_an_interval_by_hand() -> None:
    # Deviation 1, and 4.302653 is the 97.5 % quantile of t with 2 degrees of freedom.
    half = 4.302653 / 3**0.5
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    # Mean 0.2, deviation 0.447214; 2.776445 with 4 degrees of freedom.
    assert interval([0.0, 0.0, 0.0, 0.0, 1.0]) == pytest.approx((0.2 - 0.555289, 0.2 + 0.555289), abs=1e-6)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_an_interval_of_95_per_cent_holds_the_mean_in_95_per_cent(count: int) -> None:
    generator = random.Random(count)
    found = [interval([generator.gauss(1, 2) for _ in range(count)]) for _ in range(2000)]
    held = sum(low <= 1 <= high for low, high in found)  # type: ignore[misc]
    assert 1900 - 3 * 9.7 < held < 1900 + 3 * 9.7, "three deviations of the binomial of 2,000 draws at 0.95"


def test_an_interval_is_deterministic_and_needs_three_values() -> None:
    values = [random.Random(0).gauss(0, 1) for _ in range(40)]
    assert interval(values) == interval(values)
    assert interval(values[:2]) is None


def test_an_interval_of_many_values_is_close_to_the_normal_one() -> None:
    generator = random.Random(1)
    values = [generator.gauss(10, 2) for _ in range(400)]
    half = 1.96 * deviation(values) / 20
    assert interval(values) == pytest.approx((mean(values) - half, mean(values) + half), rel=0.003)


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


def test_the_sign_flip_test_is_exact_up_to_twenty_pairs() -> None:
    assert sign_flip([1.0] * 20) == 2 / 2**20
    assert sign_flip([1.0] * 30) == pytest.approx(1e-5, rel=0.01), "never 0"
    # 12 of 24 positive and of one size: P(|S| >= 0) = 1
    assert sign_flip([1.0, -1.0] * 12) == 1.0
    # 17 of 25 heads or more, two-sided: 2 * 0.053876 by the binomial
    assert sign_flip([1.0] * 17 + [-1.0] * 8) == pytest.approx(0.10775, abs=0.004)


@pytest.mark.parametrize(
    ("hits", "trials", "expected"),
    [
        # Wilson's interval by hand, z = 1.959964: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
        (5, 10, (0.236593, 0.763407)),
        (0, 10, (0.0, 0.277533)),
        (10, 10, (0.722467, 1.0)),
        (9, 30, (0.166648, 0.478758)),
    ],
)
def test_the_interval_of_a_proportion_by_hand(hits: int, trials: int, expected: tuple[float, float]) -> None:
    assert wilson(hits, trials) == pytest.approx(expected, abs=2e-6)
    assert wilson(hits, trials) == wilson(hits, trials, 0.95)
    low, high = wilson(hits, trials, 0.5)
    assert low >= expected[0] and high <= expected[1], "of less coverage a narrower one"


def test_an_interval_of_another_coverage_and_of_three_values() -> None:
    values = [float(value) for value in range(40)]
    (low, high), (lower, higher) = interval(values, 0.5), interval(values)  # type: ignore[misc]
    assert lower < low < mean(values) < high < higher
    half = 0.6745 * deviation(values) / 40**0.5  # type: ignore[operator]
    assert (low, high) == pytest.approx((mean(values) - half, mean(values) + half), abs=0.1)
    assert interval(values) == interval(values, 0.95)
    assert deviation([1.0, 3.0]) == pytest.approx(2**0.5)
