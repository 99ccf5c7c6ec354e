"""Normal classes, and the results of an anomaly detection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard.errors import ArgumentError
from netyard.tasks.parts.alarms import Alarms, SeriesScale, normal_labels

PARTS: Any = SimpleNamespace(num_classes=3, class_names=["bent", "broken", "ok"])
DIGITS: Any = SimpleNamespace(num_classes=10, class_names=None)
UNLABELLED: Any = SimpleNamespace(num_classes=None, class_names=None)


def test_classes_are_named() -> None:
    assert normal_labels(["ok"], PARTS).tolist() == [2]
    assert normal_labels(["ok", "bent"], PARTS).tolist() == [2, 0]
    assert normal_labels(["0", "7"], DIGITS).tolist() == [0, 7]
    assert normal_labels(None, UNLABELLED) is None


@pytest.mark.parametrize(
    ("normal", "data", "said"),
    [
        (None, PARTS, r"names no class, .* bent, broken, ok; try task.normal=bent\."),
        ([], PARTS, r"names no class"),
        (["okay"], PARTS, r"task.normal is okay, which is no class .* try task.normal=ok\."),
        (["10"], DIGITS, r"task.normal is 10, .* try task.normal=\[1\]\."),
        (["ok"], UNLABELLED, r"task.normal is ok, and the data have no classes; .* try task.normal=null"),
    ],
)
def test_other_names_are_refused(normal: list[str] | None, data: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        normal_labels(normal, data)


def test_the_results_are_counted() -> None:
    scores, labels = torch.tensor([1.0, 2.0, 3.0, 9.0, 2.5]), torch.tensor([2, 2, 2, 0, 1])
    found = Alarms(scores, labels, labels != 2, 2.6)
    counted = {"threshold": 2.6, "score_mean": 3.5, "score_max": 9.0, "recall": 0.5, "false_alarms": 1 / 3}
    assert found.statistics() == pytest.approx(counted)
    rows = [("bent", "anomalous", "1", "1"), ("broken", "anomalous", "1", "0"), ("ok", "normal", "3", "1")]
    assert found.rows(PARTS.class_names) == rows
    unknown = Alarms(scores, labels, None, 2.6)
    assert unknown.statistics()["alarms"] == pytest.approx(0.4) and "recall" not in unknown.statistics()
    assert unknown.rows(None) == []
    assert "recall" not in Alarms(scores, labels, torch.zeros(5, dtype=torch.bool), 2.6).statistics()


def test_a_series_is_standardised_and_other_data_are_not() -> None:
    scale = SeriesScale()
    x = torch.tensor([[1.0, 3.0]])
    scale.set_statistics(UNLABELLED)
    assert torch.equal(scale(x), x)
    scale.set_statistics(SimpleNamespace(series_statistics=lambda: (torch.tensor(1.0), torch.tensor(2.0), None)))
    assert torch.equal(scale(x), torch.tensor([[0.0, 1.0]])) and torch.equal(scale.inverse(scale(x), x), x)


def test_each_of_several_series_has_its_own_scale() -> None:
    scale = SeriesScale(num_series=2, num_columns=1)
    mean, std = torch.tensor([[1.0], [10.0]]), torch.tensor([[2.0], [20.0]])
    scale.set_statistics(SimpleNamespace(series_statistics=lambda: (mean, std, None)))
    x = torch.tensor([[[3.0, 0.0], [1.0, 0.0]], [[30.0, 1.0], [10.0, 1.0]]])  # values, and the number of the series
    assert scale(x).tolist() == [[[1, 0], [0, 0]]] * 2 and torch.equal(scale.inverse(scale(x), x), x)
    with pytest.raises(ArgumentError, match="the data have covariates"):
        scale.set_statistics(SimpleNamespace(series_statistics=None, num_past_channels=2))
