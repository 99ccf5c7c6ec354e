"""Which way a metric is better, where nothing but its name says it."""

from __future__ import annotations

import pytest

from netyard.metrics.directions import mode_of


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("test/accuracy", "max"),
        ("val/rmse", "min"),
        ("test/mae_petal_width", "min"),
        ("test/return_iqm", "max"),
        ("test/return_std", None),
        ("test/active_units", None),
        ("test/", None),
        ("nll", "min"),
    ],
)
def test_direction_follows_from_the_name(metric: str, mode: str | None) -> None:
    assert mode_of(metric) == mode
