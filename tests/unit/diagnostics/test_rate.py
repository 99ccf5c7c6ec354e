"""A learning rate that is too large or far too small, from the training loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from netyard.diagnostics import rate
from support.run_facts import made_facts

CHANCE = 2.302585  # log 10


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([1.3, 0.25, 0.13, 0.1, 0.07], False),
        ([1.0, 0.6, 0.9, 1.06, 1.06], True),  # the end is above the beginning
        ([1.0, 0.6, 0.9, 1.04, 1.04], False),
        ([1.0, 0.6, 0.9, 0.9, 1.3], True),  # the mean of the last two counts
        ([1.0, 0.6, 3.1, 0.5, 0.4], True),  # a jump, from which it recovered
        ([1.0, 0.6, 2.9, 0.5, 0.4], False),
        ([13290.0, 7.3, 2.26, 2.2, 2.2], True),  # thrown to chance by the first steps
        ([18.7, 1.4, 1.2, 0.9, 0.7], True),  # the first steps threw the weights far away
        ([6.8, 2.4, 2.32, 2.31, 2.3], False),
        ([3.3, 3.4, 3.5], True),
        ([3.5], True),  # worse than equal probabilities after the only epoch
        ([3.4], False),
        ([-3.0, -2.8, -2.8], True),  # a log-likelihood may be positive
        ([-3.0, -4.0, -4.5], False),
    ],
)
def test_a_rate_is_too_large_where_the_training_loss_grows(losses: Sequence[float], said: bool) -> None:
    found = rate.too_large(made_facts({"train/loss": losses}))
    assert (found is not None) is said
    if found is not None:
        assert found.check == "rate_too_large" and found.suggestion.overrides == ("optimizer.lr=0.0001",)


def test_a_network_without_a_mistake_has_a_rate_that_works() -> None:
    curves = {"train/loss": [34.8, 3.0, 2.8], "val/accuracy": [0.8, 1.0, 0.9]}
    assert rate.too_large(made_facts(curves)) is None


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, {"loss_shows_progress": False}),  # a GAN, an agent
        ({"task.kl_warmup": 0.5}, {}),
        ({"optimizer.lr": None}, {}),
    ],
)
def test_a_loss_that_may_grow_says_nothing(changes: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    assert rate.too_large(made_facts({"train/loss": [1.0, 2.0, 3.0, 4.0]}, changes, **facts)) is None


@pytest.mark.parametrize(
    ("chosen", "changes", "said"),
    [
        ({}, {}, True),
        ({"loss": "focal"}, {}, False),
        ({}, {"loss.class_weights": [1, 9]}, False),
        ({}, {"task.num_outputs": None}, False),
        ({"loss": "mse", "task": "regression"}, {}, True),  # standardised targets have a mean squared error of 1
        ({"loss": "gaussian", "task": "regression"}, {}, False),
        ({"loss": "mse", "task": "forecasting"}, {"task.normalize": "series"}, True),
        ({"loss": "mse", "task": "forecasting"}, {"task.normalize": "window"}, False),
        ({"loss": "mse", "task": "vector_quantized"}, {}, False),
        ({"loss": "mse", "task": "reconstruction"}, {}, False),  # of a series, in its own units
    ],
)
def test_what_knowing_nothing_costs_is_known_of_some_losses(
    chosen: Mapping[str, str], changes: Mapping[str, Any], said: bool
) -> None:
    found = rate.too_large(made_facts({"train/loss": [9.0, 9.0, 9.0]}, changes, chosen=chosen))
    assert (found is not None) is said


def test_pixels_are_standardised() -> None:
    chosen = {"loss": "mse", "task": "reconstruction"}
    assert rate.too_large(made_facts({"train/loss": [9.0, 9.0, 9.0]}, chosen=chosen, is_image=True)) is not None


@pytest.mark.parametrize(
    ("losses", "wanted"),
    [
        ([2.31, 2.309, 2.308], "optimizer.lr=0.1"),  # by a thousandth: a hundred times the rate
        ([2.31, 2.30, 2.29], "optimizer.lr=0.01"),
        ([2.31, 2.28, 2.25], None),
        ([2.31, 2.30, 2.31, 2.29], None),  # not in every epoch: noise
        ([2.31, 2.30], None),
        ([0.51, 0.509, 0.508], None),  # it has learned long before: weights from elsewhere, say
        ([4.0, 3.99, 3.98], None),  # far above chance: too large, if anything
    ],
)
def test_a_rate_is_too_small_where_the_loss_hardly_leaves_chance(losses: Sequence[float], wanted: str | None) -> None:
    found = rate.too_small(made_facts({"val/loss": losses}))
    assert (found.suggestion.overrides[0] if found else None) == wanted


def test_a_network_with_weights_from_elsewhere_may_stay_where_it_is() -> None:
    assert rate.too_small(made_facts({"val/loss": [2.31, 2.30, 2.29]}, {"model.pretrained": "a.ckpt"})) is None
