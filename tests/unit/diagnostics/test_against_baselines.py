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
        ("test/accuracy", 0.9610, {"nearest_neighbours": 0.9861, "majority": 0.1}, {}, True),  # 9 errors more, of 359
        (
            "test/accuracy",
            0.9694,
            {"support_vector_machine": 0.9889},
            {},
            False,
        ),  # 7 errors more, where 8 may be chance
        ("test/accuracy", 0.9333, {"logistic_regression": 1.0}, {"samples": {"test": 30}}, False),  # 2 errors
        ("test/accuracy", 0.8, {"logistic_regression": 1.0}, {"samples": {"test": 30}}, True),  # 6 errors
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


def test_what_network_and_baselines_are_compared_by_counts_alone() -> None:
    metrics = {"test/accuracy": 0.98, "test/f1": 0.5}
    facts = {"metrics": metrics, "baselines": {name: {"nearest_neighbours": 0.97} for name in metrics}}
    assert worse_than_a_baseline(made_facts(CURVES, **facts)) is not None
    assert worse_than_a_baseline(made_facts(CURVES, **facts, compared="test/accuracy")) is None


def test_of_few_samples_nothing_is_said() -> None:
    facts = {"metrics": {"test/accuracy": 0.1}, "baselines": {"test/accuracy": {"nearest_neighbours": 1.0}}}
    assert worse_than_a_baseline(made_facts(CURVES, **facts, samples={"test": 20})) is not None
    assert worse_than_a_baseline(made_facts(CURVES, **facts, samples={"test": 19})) is None


@pytest.mark.parametrize(("spread", "said"), [(30.0, True), (60.0, False)])
def test_a_return_is_compared_by_the_spread_of_the_episodes(spread: float, said: bool) -> None:
    metrics, baselines = {"test/return": 190.0, "test/return_std": spread}, {"test/return": {"scripted_policy": 200.0}}
    found = worse_than_a_baseline(made_facts(CURVES, {"data.test_episodes": 100}, metrics=metrics, baselines=baselines))
    assert (found is not None) is said


def test_the_best_of_them_is_named() -> None:
    baselines = {"test/accuracy": {"majority": 0.1, "nearest_neighbours": 0.98, "decision_tree": 0.85}}
    found = worse_than_a_baseline(made_facts(CURVES, metrics={"test/accuracy": 0.9}, baselines=baselines))
    assert found is not None and found.sentence.startswith(
        "nearest_neighbours is better than this network: test/accuracy 0.98, not 0.9;"
    )
    assert worse_than_a_baseline(made_facts(CURVES, metrics={}, baselines=baselines)) is None
