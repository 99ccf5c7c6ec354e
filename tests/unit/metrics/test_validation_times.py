"""When a validation is due."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from netyard.metrics import validation_times


@pytest.mark.parametrize(
    ("settings", "due"),
    [
        ({"batch_idx": 9}, True),
        ({"batch_idx": 6}, False),  # a run that is cut off
        ({"batch_idx": 4, "val_check_batch": 5}, True),
        ({"batch_idx": 5, "val_check_batch": 5}, False),
        ({"batch_idx": 9, "check_val_every_n_epoch": 2}, True),
        ({"batch_idx": 9, "check_val_every_n_epoch": 3}, False),
        ({"total_batch_idx": 16, "check_val_every_n_epoch": None, "val_check_batch": 17}, True),
        ({"batch_idx": 16, "total_batch_idx": 17, "check_val_every_n_epoch": None, "val_check_batch": 17}, False),
        ({"val_check_batch": float("inf"), "is_last_batch": True}, True),
        ({"val_check_batch": float("inf"), "is_last_batch": False}, False),
    ],
)
def test_validation_is_due_after_the_batches_of_the_interval(settings: dict[str, Any], due: bool) -> None:
    given = {"batch_idx": 0, "total_batch_idx": 0, "check_val_every_n_epoch": 1, "val_check_batch": 10, **settings}
    loop = SimpleNamespace(batch_idx=given["batch_idx"], total_batch_idx=given["total_batch_idx"])
    trainer: Any = SimpleNamespace(fit_loop=loop, current_epoch=1, **given)
    assert validation_times.is_due(trainer) is due
