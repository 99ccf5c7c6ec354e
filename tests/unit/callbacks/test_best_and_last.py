"""Which epoch is the best, and settings that are refused."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard.callbacks.best_and_last import BestAndLast

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "trainer.max_epochs=5")


@pytest.mark.parametrize("mode", ["min", "max"])
def test_any_number_is_better_than_none(mode: str) -> None:
    best, found = BestAndLast("val/score", mode), []
    for epoch, value in enumerate([math.nan, 2.0, math.nan, 2.0]):
        trainer: Any = SimpleNamespace(callback_metrics={"val/score": torch.tensor(value)}, current_epoch=epoch)
        found.append(best._improves(trainer))
    assert found == [True, True, False, False] and (best.best_value, best.best_epoch) == (2.0, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep": 0}, r"keep is 0; it must be a whole number at least 1; try callbacks\.checkpoint\.keep=2"),
        ({"on_save_error": "stpo"}, r"it must be one of stop, warn; try callbacks\.checkpoint\.on_save_error=stop"),
    ],
    ids=str,
)
def test_settings_outside_of_their_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BestAndLast("val/loss", "min", **settings)


def test_a_run_that_keeps_no_checkpoint_is_refused(train):
    ran = train(*RUN, "callbacks.checkpoint.keep=0")
    assert (
        ran.code == 2
        and "callbacks.checkpoint.keep is 0; it must be a whole number at least 1; try callbacks.checkpoint.keep=2"
        in ran.err
    )


def test_a_run_without_the_callback_is_refused(train):
    ran = train(*RUN, "callbacks.checkpoint=null")
    assert ran.code == 2 and "callbacks has no checkpoint" in ran.err
