"""A network that is worse than a model without one, beyond the noise of the part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from netyard.diagnostics.against_baselines import worse_than_a_baseline
from support.run_facts import made_facts

CURVES = {"train/loss": [1.0]}


@pytest.mark.parametrize(
    ("metric", "reached", "baselines", "facts", "said"),
    [
        ("test/accuracy", 0.9610, {"nearest_neighbours": 0.9861, "majority": 0.1}, {}, True),  # up to 0.977
        ("test/accuracy", 0.9721, {"nearest_neighbours": 0.9833}, {}, False),  # up to 0.985
        ("test/accuracy", 0.9610, {"majority": 0.1}, {}, False),
        ("test/accuracy", 0.9610, {}, {}, False),
        ("test/mae", 50.0, {"linear_regression": 43.0}, {"samples": {"test": 89}}, False),  # 21 % of 89 samples
        ("test/mae", 55.0, {"linear_regression": 43.0}, {"samples": {"test": 89}}, True),
        ("test/mae", 35.0, {"linear_regression": 43.0}, {"samples": {"test": 89}}, False),
        ("test/mae", 1.1, {"seasonal_naive": 1.0}, {"samples": {"test": 600}}, True),
        ("test/mae", 1.1, {"seasonal_naive": 1.0}, {"samples": {"test": 600}, "horizon": 11}, False),  # windows overlap
        ("test/bits_per_character", 2.01, {"ngram": 2.0}, {"samples": {"test": 100_000}}, False),  # 2 % is of no use
        ("test/bits_per_character", 2.05, {"ngram": 2.0}, {"samples": {"test": 100_000}}, True),
        ("test/r2", -0.1, {"linear_regression": 0.3}, {"samples": {"test": 89}}, True),
        ("test/accuracy", float("nan"), {"majority": 0.1}, {}, False),
        ("test/knn_accuracy", 0.9, {"pca": 0.98}, {}, True),
        ("test/frechet_distance", 67.0, {"gaussian_mixture": 9.0}, {}, True),
        ("test/return", 190.0, {"scripted_policy": 200.0}, {}, False),  # episodes of unknown number and spread
    ],
)
def test_a_baseline_is_better_beyond_the_interval(
    metric: str, reached: float, baselines: Mapping[str, float], facts: Mapping[str, Any], said: bool
) -> None:
    found = worse_than_a_baseline(made_facts(CURVES, metrics={metric: reached}, baselines={metric: baselines}, **facts))
    assert (found is not None) is said


@pytest.mark.parametrize(("spread", "said"), [(30.0, True), (60.0, False)])
def test_a_return_is_compared_by_the_spread_of_the_episodes(spread: float, said: bool) -> None:
    metrics, baselines = {"test/return": 190.0, "test/return_std": spread}, {"test/return": {"scripted_policy": 200.0}}
    found = worse_than_a_baseline(made_facts(CURVES, {"data.test_episodes": 100}, metrics=metrics, baselines=baselines))
    assert (found is not None) is said


def test_the_best_of_them_is_named() -> None:
    baselines = {"test/accuracy": {"majority": 0.1, "nearest_neighbours": 0.98, "decision_tree": 0.85}}
    found = worse_than_a_baseline(made_facts(CURVES, metrics={"test/accuracy": 0.9}, baselines=baselines))
    assert found is not None and found.sentence.startswith("nearest_neighbours is better")
    assert worse_than_a_baseline(made_facts(CURVES, metrics={}, baselines=baselines)) is None
