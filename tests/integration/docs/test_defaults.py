"""A table is learned by default as well as by the best model without a network, or nearly; the campaign has all."""

from __future__ import annotations

import random

import pytest

TABLES = {"iris": 0.1, "wine": 0.06, "breast_cancer": 0.04}  # below the best baseline: three samples of the test part


@pytest.mark.parametrize("data", random.Random(23).sample(sorted(TABLES), 1))
def test_a_table_is_learned_as_by_the_best_baseline(train, data: str) -> None:
    ran = train(f"data={data}", "logger=none", "callbacks.figures=null", "baselines=true")
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    best = max(results["baselines"]["test/accuracy"].values())
    assert results["metrics"]["test/accuracy"] >= best - TABLES[data]
