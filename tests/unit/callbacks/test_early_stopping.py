"""Early stopping: patience on a resume."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard.callbacks.early_stopping import EarlyStopping


def trainer_with(score: float) -> Any:
    loop = SimpleNamespace(batch_idx=9, total_batch_idx=9)
    return SimpleNamespace(
        callback_metrics={"val/score": torch.tensor(score)},
        strategy=SimpleNamespace(reduce_boolean_decision=lambda value, all: value),
        should_stop=False, fast_dev_run=False, fit_loop=loop, current_epoch=0, check_val_every_n_epoch=1,
        val_check_batch=10, is_last_batch=True, is_global_zero=True,
    )  # fmt: skip


def stopped(patience: int) -> EarlyStopping:
    """A callback after three equal scores."""
    callback = EarlyStopping("val/score", "max", patience=patience)
    for _ in range(3):
        callback._run_early_stopping_check(trainer_with(0.5))
    return callback


@pytest.mark.parametrize(("patience", "goes_on"), [(2, False), (1, False), (3, True), (9, True)])
def test_a_resumed_run_has_the_patience_that_was_typed(patience: int, goes_on: bool, caplog) -> None:
    caplog.set_level("INFO")
    resumed = EarlyStopping("val/score", "max", patience=patience)
    resumed.load_state_dict(stopped(2).state_dict())
    assert resumed.patience == patience and resumed.wait_count == 2
    trainer = trainer_with(0.5)
    resumed.on_train_start(trainer, Any)
    assert trainer.should_stop is not goes_on
    assert ("callbacks.early_stopping.patience=4" in caplog.text) is not goes_on


def test_a_validation_that_is_not_due_is_not_counted() -> None:
    callback, trainer = stopped(9), trainer_with(0.5)
    trainer.fit_loop.batch_idx = 6  # a run that is cut off
    callback._run_early_stopping_check(trainer)
    assert callback.wait_count == 2
