"""Actions as numbers from 0, and masks of those that are valid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from netyard.data.environments import create
from netyard.data.environments.actions import all_actions, as_mask, as_plain
from netyard.errors import ConfigError, DataError
from support.environments import SHOWN


@pytest.mark.parametrize(
    ("space", "plain"),
    [
        (spaces.Discrete(2, start=5), [5, 6]),
        (spaces.Discrete(2, start=-1), [-1, 0]),
        (spaces.MultiDiscrete([2, 3]), [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]),
        (spaces.MultiDiscrete([2, 1], start=[3, -1]), [[3, -1], [4, -1]]),
        (spaces.MultiBinary(2), [[0, 0], [0, 1], [1, 0], [1, 1]]),
        (spaces.Tuple((spaces.Discrete(2), spaces.MultiBinary(1))), [[0, [0]], [0, [1]], [1, [0]], [1, [1]]]),
        (spaces.Dict(a=spaces.Discrete(2), b=spaces.Discrete(1)), [{"a": 0, "b": 0}, {"a": 1, "b": 0}]),
    ],
    ids=str,
)
def test_actions_are_numbered_in_their_order(space: Any, plain: list[Any]) -> None:
    assert [as_plain(each) for each in all_actions(space, "x")] == plain
    environment = create.make(SHOWN, {"actions": space})
    assert environment.action_space == spaces.Discrete(len(plain))
    environment.reset(seed=0)
    for number in range(min(len(plain), 4)):
        environment.step(number)
    assert [as_plain(each) for each in environment.unwrapped.taken] == plain[:4]


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (spaces.Box(-1, 1, (1,)), r"there is no task for continuous actions yet; wrap it"),
        (spaces.Dict(a=spaces.Discrete(2), b=spaces.Box(-1, 1, (1,))), r"continuous actions"),
        (spaces.MultiDiscrete([100, 100]), r"combinations of actions, MultiDiscrete.*at most 1,000"),
        (spaces.MultiBinary(200), r"combinations of actions"),
    ],
    ids=str,
)
def test_actions_that_cannot_be_numbered_are_refused(space: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"environment {SHOWN} has .*{said}"):
        create.make(SHOWN, {"actions": space})


def test_masks_are_taken_in_every_form() -> None:
    for value in ([1, 0, 1], np.array([1, 0, 1], np.int8), np.array([[True, False, True]]), (1.0, 0.0, 1.0)):
        assert as_mask("x", value, 3, []).tolist() == [True, False, True]
    assert as_mask("x", None, 2, []).tolist() == [True, True]
    product = [False, False, False, True, False, True]  # of [0, 1] and [1, 0, 1]
    assert as_mask("x", [0, 1, 1, 0, 1], 6, [2, 3]).tolist() == product
    assert as_mask("x", (np.array([0, 1]), np.array([1, 0, 1])), 6, [2, 3]).tolist() == product


@pytest.mark.parametrize("value", [[1, 0], "ab", [[1], [0, 1]], {"a": 1}, 5], ids=str)
def test_a_mask_of_another_form_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match=r"environment x returned an action mask of .* each of the 3 actions"):
        as_mask("x", value, 3, [])
