"""What needs a validation is refused in a run without one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from netyard.errors import ConfigError
from netyard.training.absent_splits import require_unmonitored

TASK = {"monitor": "val/accuracy", "threshold": 0.5}
ALL = {"task": TASK, "scheduler": {"_target_": "torch.optim.StepLR"}, "callbacks": {"checkpoint": {"monitor": "val/x"}}}


def data(*splits: str) -> Any:
    return SimpleNamespace(has_split=lambda name: name in splits)


@pytest.mark.parametrize(
    ("changes", "in_sweep", "message"),
    [
        (
            {"callbacks": {"stop": {"monitor": "val/loss"}}},
            False,
            r"callbacks\.stop\.monitor is val/loss.* leave stop out",
        ),
        (
            {"scheduler": {"_target_": "netyard.optim.schedules.plateau"}},
            False,
            "scheduler=plateau .* scheduler=cosine",
        ),
        ({"task": {**TASK, "threshold": "f1"}}, False, r"task\.threshold=f1 .* try task\.threshold=0\.5"),
        ({}, True, "a sweep compares its runs"),
    ],
)
def test_what_needs_a_validation_is_refused(changes: dict[str, Any], in_sweep: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=f"data.val_fraction is 0, and .*{message}.* try data.val_fraction=0.1"):
        require_unmonitored({**ALL, **changes}, data("test"), in_sweep)
    require_unmonitored({**ALL, **changes}, data("val"), in_sweep)


def test_the_last_epoch_counts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    require_unmonitored(ALL, data(), False)
    assert "without a validation val/accuracy is not logged; the last epoch counts as the best" in caplog.text
