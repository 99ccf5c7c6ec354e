"""Which epoch is the best, and settings that are refused."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard.callbacks.best_and_last import BestAndLast

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "trainer.max_epochs=5")


def improves(best: BestAndLast, trainer: Any) -> bool:
    """Whether the epoch is the best so far, after a validation."""
    trainer.sanity_checking = False
    best.on_validation_end(trainer, Any)
    return best._improves(trainer)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_any_number_is_better_than_none(mode: str) -> None:
    best, found = BestAndLast("val/score", mode), []
    for epoch, value in enumerate([math.nan, 2.0, math.nan, 2.0]):
        trainer: Any = SimpleNamespace(callback_metrics={"val/score": torch.tensor(value)}, current_epoch=epoch)
        found.append(improves(best, trainer))
    assert found == [True, True, False, False] and (best.best_value, best.best_epoch) == (2.0, 1)


def epochs(best: BestAndLast, rows: list[dict[str, float]], first: int = 0) -> list[int]:
    """Give the metrics of one epoch after the other to the callback; returns the best epoch after each."""
    found = []
    for epoch, metrics in enumerate(rows, start=first):
        trainer: Any = SimpleNamespace(
            callback_metrics={name: torch.tensor(value) for name, value in metrics.items()}, current_epoch=epoch
        )
        improves(best, trainer)
        found.append(best.best_epoch)
    return found


def scored(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [{"val/score": score, "val/loss": loss} for score, loss in pairs]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_of_equal_epochs_the_one_with_the_smaller_validation_loss_is_the_best(mode: str) -> None:
    worse = 0.9 if mode == "max" else 1.1
    rows = scored((1.0, 0.310), (1.0, 0.069), (1.0, 0.069), (1.0, 0.2), (worse, 0.01), (1.0, math.nan))
    best = BestAndLast("val/score", mode)
    assert epochs(best, rows) == [0, 1, 1, 1, 1, 1]
    assert best.best_metrics["val/loss"] == pytest.approx(0.069)


def test_a_better_value_counts_more_than_any_loss() -> None:
    assert epochs(BestAndLast("val/score", "max"), scored((0.9, 0.1), (0.91, 5.0), (0.91, 4.0))) == [0, 1, 2]


def test_a_loss_that_is_nan_loses_a_tie_against_any_number() -> None:
    assert epochs(BestAndLast("val/score", "max"), scored((1.0, math.nan), (1.0, 9.0), (1.0, math.nan))) == [0, 1, 1]


def test_equal_epochs_without_a_loss_leave_the_earlier_one() -> None:
    rows = [{"val/return": 200.0}] * 3
    assert epochs(BestAndLast("val/return", "max"), rows) == [0, 0, 0]
    assert epochs(BestAndLast("val/loss", "min"), [{"val/loss": 0.5}] * 2) == [0, 0]


def test_a_resumed_run_compares_ties_with_the_best_epoch_before_the_interruption() -> None:
    before = BestAndLast("val/score", "max")
    epochs(before, scored((1.0, 0.3)))
    resumed = BestAndLast("val/score", "max")
    resumed.load_state_dict(before.state_dict())
    assert epochs(resumed, scored((1.0, 0.4), (1.0, 0.2)), first=1) == [0, 2]
    # Without a recorded loss there is nothing to compare: the earlier epoch stays.
    resumed.load_state_dict({**before.state_dict(), "metrics": {"val/score": 1.0}})
    assert epochs(resumed, scored((1.0, 0.1)), first=1) == [0]


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
