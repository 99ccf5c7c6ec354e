"""A training that was too short, or too long, from the curves of training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from netyard.diagnostics import length
from support.run_facts import made_facts

RISING = [0.3, 0.5, 0.6, 0.7, 0.8]
FALLING = [2.0, 1.8, 1.6, 1.4, 1.2]
LOSS = {"name": "val/loss", "mode": "min"}


@pytest.mark.parametrize(
    ("losses", "accuracies", "said"),
    [
        (FALLING, RISING, True),
        ([2.0, 1.8, 1.6, 1.58, 1.56], RISING, False),  # one step of less than 2 %
        ([2.0, 1.8, 1.6, 1.7, 1.5], RISING, False),  # not in each of the last three steps
        ([1.0, 1.8, 1.6, 1.4, 1.2], RISING, False),  # an earlier epoch was better
        (FALLING, [0.3, 0.8, 0.8, 0.8, 0.79], False),  # the objective does not follow
        (FALLING, [0.9, 0.92, 0.94, 0.96, 0.98], False),  # 3 errors of 144 are few
        (FALLING, [0.9, 0.92, 0.94, 0.95, 0.96], True),  # 6 errors
        (FALLING[:3], RISING[:3], False),
        ([*FALLING, 1.1, 1.0, 0.9, None], [*RISING, 0.81, 0.82, 0.83, None], True),  # not each epoch is validated
    ],
)
def test_a_run_was_too_short_if_each_of_its_last_steps_improved(
    losses: Sequence[float], accuracies: Sequence[float], said: bool
) -> None:
    found = length.still_improving(made_facts({"val/loss": losses, "val/accuracy": accuracies}))
    assert (found is not None) is said
    if found is not None:
        assert found.suggestion == ("resume", ("trainer.max_epochs=10",))


def test_of_many_epochs_the_last_quarter_counts() -> None:
    losses = [2 * 0.9**epoch for epoch in range(20)]
    rising = [0.02 * epoch for epoch in range(20)]
    found = length.still_improving(made_facts({"val/loss": losses, "val/accuracy": rising}))
    assert found is not None and "in the last 5 validations" in found.sentence
    losses[16] = losses[15]
    assert length.still_improving(made_facts({"val/loss": losses, "val/accuracy": rising})) is None


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, {"ended_early": True}),  # early stopping, a time limit
        ({"trainer.max_steps": 100}, {}),
        ({"trainer.max_epochs": -1}, {}),
        ({"trainer.max_time": "12h"}, {}),
        ({}, {"loss_shows_progress": False}),
    ],
)
def test_a_length_that_epochs_do_not_say_is_not_doubled(changes: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    curves = {"val/loss": FALLING, "val/accuracy": RISING}
    assert length.still_improving(made_facts(curves, changes, **facts)) is None


def test_a_schedule_that_ended_the_training_says_nothing_of_its_length() -> None:
    curves = {"val/loss": FALLING, "val/accuracy": RISING, "lr": [1e-3, 1e-3, 8e-4, 3e-4, 9e-5]}
    cosine = {"chosen": {"scheduler": "cosine"}}
    assert length.still_improving(made_facts(curves, **cosine)) is None
    found = length.still_improving(made_facts({**curves, "lr": [1e-3] * 5}, **cosine))
    assert found is not None and found.suggestion.overrides == ("trainer.max_epochs=10", "trainer.schedule=stretch")


def test_what_follows_the_length_of_a_run_is_stretched() -> None:
    bound = {"name": "val/frechet_distance", "mode": "min"}
    curves = {"val/frechet_distance": FALLING}
    found = length.still_improving(made_facts(curves, {"task.kl_warmup": 0.5}, bound, loss_shows_progress=False))
    assert found is not None and found.suggestion.overrides[-1] == "trainer.schedule=stretch"


TRAINING = [1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01]
OVER = [1.0, 0.6, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
FLAT = [0.7, 0.8, 0.85, 0.84, 0.84, 0.83, 0.83, 0.83]


@pytest.mark.parametrize(
    ("validation", "training", "accuracies", "said"),
    [
        (OVER, TRAINING, FLAT, True),
        (
            [1.0, 0.6, 0.5, 0.5, 0.52, 0.55, 0.57, 0.58],
            TRAINING,
            FLAT,
            False,
        ),  # 13 %, and 144 samples have 17 % of noise
        ([1.0, 0.6, 0.5, 0.5, 0.52, 0.59, 0.6, 0.61], TRAINING, FLAT, True),
        (OVER, [1.0, 0.5, 0.3, 0.3, 0.3, 0.29, 0.28, 0.28], FLAT, False),  # the training loss hardly falls on
        (OVER, TRAINING, [*FLAT[:-1], 0.9], False),  # the accuracy still improves: too sure, but no worse
        (OVER, TRAINING, [0.97, 0.98, 0.98, 0.97, 0.97, 0.97, 0.97, 0.97], False),  # hardly any errors
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.4, 0.6, 0.8], TRAINING, FLAT, False),  # the minimum is among the last epochs
        (OVER[:6], TRAINING[:6], FLAT[:6], False),  # too short to tell
    ],
)
def test_a_run_over_fits_if_validation_rises_beyond_its_noise_while_training_falls(
    validation: Sequence[float], training: Sequence[float], accuracies: Sequence[float], said: bool
) -> None:
    curves = {"val/loss": validation, "train/loss": training, "val/accuracy": accuracies}
    found = length.over_fitted(made_facts(curves))
    assert (found is not None) is said
    if found is not None:
        assert "over-fitted since epoch 2" in found.sentence


@pytest.mark.parametrize(
    ("changes", "facts", "wanted"),
    [
        ({}, {"is_image": True}, ("augmentation=standard",)),
        ({}, {"is_image": True, "chosen": {"augmentation": "standard"}}, ("model.dropout=0.2",)),
        ({}, {}, ("model.dropout=0.2",)),
        ({"model.dropout": 0.1}, {}, ("optimizer=adamw", "optimizer.weight_decay=0.1")),
        ({"model.dropout": None}, {"chosen": {"optimizer": "sgd"}}, ("optimizer.weight_decay=0.0001",)),
        ({"model.dropout": 0.1, "optimizer.weight_decay": 0.01}, {"chosen": {"optimizer": "adamw"}}, None),
    ],
)
def test_the_remedy_is_one_that_fits_and_is_not_in_use(
    changes: Mapping[str, Any], facts: Mapping[str, Any], wanted: tuple[str, ...] | None
) -> None:
    curves = {"val/loss": OVER, "train/loss": TRAINING}
    found = length.over_fitted(made_facts(curves, changes, LOSS, **facts))
    assert (found.suggestion.overrides if found else None) == wanted
