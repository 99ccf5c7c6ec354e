"""The values of baselines in types of JSON."""

from __future__ import annotations

import math

import numpy as np

from netyard.baselines.scores import Scores


def test_values_have_the_precision_of_the_metrics_of_a_network_and_are_finite() -> None:
    values = {"mae": {"mean": 1 / 3, "naive": math.nan}, "r2": {"mean": math.inf}}
    state = Scores(values, "min", subset=5, chosen={"mean": {}}).state()
    assert state["values"] == {"mae": {"mean": float(np.float32(1 / 3))}}
    assert (state["mode"], state["subset"], state["tested"], state["chosen"]) == ("min", 5, None, {"mean": {}})
