"""The histogram of anomaly scores, and the table of classes."""

from __future__ import annotations

import pytest
import torch

from netyard.callbacks.alarms import alarms_picture, alarms_table
from netyard.tasks.parts.alarms import Alarms

LABELS = torch.tensor([0, 0, 0, 1])
SCORES = torch.tensor([0.5, 1.0, 2.0, 50.0])


@pytest.mark.parametrize(
    "alarms",
    [
        Alarms(SCORES, LABELS, LABELS == 1, 2.5),
        Alarms(SCORES, LABELS, None, 2.5),
        Alarms(SCORES, LABELS, LABELS == 5, 2.5),
        Alarms(torch.zeros(4), LABELS, LABELS == 1, 0.0),
        Alarms(torch.tensor([1.0, float("nan"), 2.0, float("inf")]), LABELS, LABELS == 1, float("inf")),
    ],
    ids=["both", "unknown", "normal only", "all zero", "not finite"],
)
def test_any_scores_are_drawn(alarms: Alarms) -> None:
    picture = alarms_picture(alarms)
    assert picture.shape == (3, 400, 640) and picture.dtype == torch.uint8 and picture.float().std() > 10


def test_the_table_has_a_row_for_each_class() -> None:
    table = alarms_table(Alarms(SCORES, LABELS, LABELS == 1, 1.5), ["good", "bad"])
    assert table is not None
    assert table.rows == [("bad", "anomalous", "1", "1", "1.0000"), ("good", "normal", "3", "1", "0.3333")][::-1]
    assert alarms_table(Alarms(SCORES, LABELS, None, 1.5), None) is None
