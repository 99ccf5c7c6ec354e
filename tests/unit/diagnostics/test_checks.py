"""What of several findings is said."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.diagnostics.checks import MOST, diagnose
from support.run_facts import made_facts

HEALTHY = {
    "train/loss": [1.3, 0.25, 0.13, 0.1, 0.07],
    "val/loss": [0.46, 0.18, 0.18, 0.12, 0.12],
    "val/accuracy": [0.9, 0.94, 0.92, 0.965, 0.96],
}
SHORT = {
    "train/loss": [2.2, 1.9, 1.6, 1.4, 1.2],
    "val/loss": [2.0, 1.8, 1.6, 1.4, 1.2],
    "val/accuracy": [0.3, 0.5, 0.6, 0.7, 0.8],
}
BASELINES = {"metrics": {"test/accuracy": 0.81}, "baselines": {"test/accuracy": {"nearest_neighbours": 0.98}}}


def test_of_a_healthy_run_nothing_is_said() -> None:
    assert diagnose(made_facts(HEALTHY)) == []


def test_a_run_without_epochs_has_nothing_to_look_at() -> None:
    assert diagnose(made_facts({"train/loss": []}, **BASELINES)) == []


@pytest.mark.parametrize("curves", [{"train/loss": [float("nan")] * 5}, {"epoch": [0, 1, 2]}])
def test_missing_and_infinite_values_are_passed_over(curves: dict[str, Any]) -> None:
    assert diagnose(made_facts(curves)) == []


def test_at_most_two_are_said_the_most_important_first() -> None:
    found = [each.check for each in diagnose(made_facts(SHORT, dead_units={"hidden.2": (9, 10)}, **BASELINES))]
    assert found == ["worse_than_a_baseline", "still_improving"] and len(found) == MOST


def test_a_training_that_failed_is_not_said_to_be_too_short() -> None:
    curves = {**SHORT, "train/loss": [1.0, 2.0, 3.0, 4.0, 5.0]}
    found = diagnose(made_facts(curves, dead_units={"hidden.2": (9, 10)}, **BASELINES))
    assert [each.check for each in found] == ["rate_too_large", "dead_units"]
