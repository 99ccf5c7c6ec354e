"""A classifier that knows one class, or hardly more than the most frequent one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from netyard.diagnostics import classes
from support.run_facts import made_facts

CURVES = {"val/accuracy": [0.9]}
RARE = {"fine": 900, "broken": 100}


@pytest.mark.parametrize(
    ("counts", "changes", "wanted"),
    [
        (RARE, {}, "loss.class_weights=balanced"),
        (RARE, {"loss.class_weights": "balanced"}, "optimizer.lr=0.0001"),
        (RARE, {"data.sampler": "balanced"}, "optimizer.lr=0.0001"),
        ({"a": 75, "b": 25}, {}, "optimizer.lr=0.0001"),  # uneven, by no more than half
        ({"a": 76, "b": 24}, {}, "loss.class_weights=balanced"),
    ],
)
def test_one_class_for_all_is_from_its_frequency_or_from_the_rate(
    counts: Mapping[str, int], changes: Mapping[str, Any], wanted: str
) -> None:
    found = classes.one_class(made_facts(CURVES, changes, classes=counts, predicted_class="fine"))
    assert found is not None and found.suggestion.overrides == (wanted,) and "class fine" in found.sentence


def test_several_classes_are_no_finding() -> None:
    assert classes.one_class(made_facts(CURVES)) is None


@pytest.mark.parametrize(
    ("accuracy", "balanced", "changes", "said"),
    [
        (0.91, 0.55, {}, True),
        (0.95, 0.55, {}, False),  # of 359 samples, beyond the interval: 0.922 to 0.968
        (0.91, 0.75, {}, False),  # the rare class is found
        (0.91, 0.55, {"loss.class_weights": [1, 9]}, False),
        (0.91, 0.55, {"data.sampler": "balanced"}, False),
    ],
)
def test_an_accuracy_like_the_share_of_the_most_frequent_class(
    accuracy: float, balanced: float, changes: Mapping[str, Any], said: bool
) -> None:
    metrics = {"test/accuracy": accuracy, "test/balanced_accuracy": balanced}
    found = classes.like_the_majority(made_facts(CURVES, changes, classes=RARE, metrics=metrics))
    assert (found is not None) is said


def test_balanced_classes_and_other_tasks_have_no_majority() -> None:
    metrics = {"val/accuracy": 0.1, "val/balanced_accuracy": 0.1}
    assert classes.like_the_majority(made_facts(CURVES, metrics=metrics)) is None
    assert classes.like_the_majority(made_facts(CURVES, metrics=metrics, classes={})) is None
    assert classes.like_the_majority(made_facts(CURVES, classes=RARE)) is None
