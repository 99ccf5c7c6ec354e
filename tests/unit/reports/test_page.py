"""How numbers are written on a page."""

from __future__ import annotations

import pytest

from netyard.reports.page import duration, four_digits


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.964, "0.9640"),
        (1.0, "1.000"),
        (-26.9543, "-26.95"),
        (268.65, "268.6"),
        (999.96, "1,000"),
        (12345.6, "12,346"),
        (0.00012, "0.0001200"),
        (3.1e-07, "3.100e-07"),
        (2e12, "2.000e+12"),
        (0.0, "0"),
        (float("nan"), "nan"),
    ],
)
def test_a_score_has_four_digits(value: float, written: str) -> None:
    assert four_digits(value) == written


def test_a_duration_has_two_units() -> None:
    assert [duration(seconds) for seconds in (0.25, 4.2, 119.7, 18420)] == [
        "0.25 s",
        "4.2 s",
        "2 min 00 s",
        "5 h 07 min",
    ]
