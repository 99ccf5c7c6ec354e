"""Each default of the README's table is as good beside the best model without a network as the table says."""

from __future__ import annotations

import pytest

import defaults

TABLE = {row["words"]: row for row in defaults.summaries(defaults.read()) if row["against"] is not None}
TOLERANCE = 0.05  # of the baseline: another seed and another processor


def shortfall(metric: str, value: float, baseline: float) -> float:
    """By which share of the baseline a value is worse than it; below 0 it is better."""
    less = metric.partition("/")[2] in defaults.LESS
    return (value - baseline) * (1 if less else -1) / abs(baseline)


@pytest.mark.parametrize("words", [words for words in defaults.FIRST if words in TABLE])
def test_a_default_is_as_good_beside_its_baselines_as_the_table_says(train, words: str) -> None:
    ran = train(*words.split(), "seed=7", "logger=none", "callbacks.figures=null")
    assert ran.code == 0, ran.err
    metric, of_table = TABLE[words]["metric"], TABLE[words]
    value, known = ran.json("results.json")["metrics"][metric], float(of_table["against"])
    allowed = max(shortfall(metric, of_table["mean"], known), 0) + TOLERANCE
    assert shortfall(metric, value, known) <= allowed, f"{metric} {value}, of a baseline {known}"


@pytest.mark.parametrize(
    "words", ["model=cnn_tiny", "model=gru_tiny data=sunspots", "model=mlp_tiny data=breast_cancer"]
)
def test_the_smallest_siblings_are_near_the_best_baseline(train, words: str) -> None:
    ran = train(*words.split(), "logger=none", "callbacks.figures=null")
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    metric = defaults.metric_of(results["task"])
    pick = min if metric.partition("/")[2] in defaults.LESS else max
    assert shortfall(metric, results["metrics"][metric], pick(results["baselines"][metric].values())) <= TOLERANCE
