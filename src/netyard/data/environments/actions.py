"""The actions of an environment, numbered from 0, and the masks of those that are valid now."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from netyard.errors import ConfigError, DataError

Array = Any  # np.ndarray
MOST_ACTIONS = 1_000  # combinations that are numbered


class Numbered(gym.ActionWrapper[Any, Any, Any]):
    """Takes the number of an action, from 0, instead of the action; ``names`` are the actions in that order."""

    def __init__(self, env: gym.Env[Any, Any], choices: list[Any]) -> None:
        super().__init__(env)
        self.choices = choices
        self.action_space = spaces.Discrete(len(choices))

    def action(self, action: Any) -> Any:
        chosen = self.choices[action]
        return chosen.copy() if isinstance(chosen, np.ndarray | dict) else chosen  # an environment may change it


def numbered(environment: gym.Env[Any, Any], id: str) -> gym.Env[Any, Any]:
    """An environment whose actions are numbers from 0, in the order of ``all_actions``.

    Raises:
        ConfigError: its actions are continuous, or too many.
    """
    space: Any = environment.action_space
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return environment
    return Numbered(environment, all_actions(space, id))


def all_actions(space: Any, id: str) -> list[Any]:
    """Every action of a space: of several dimensions all combinations, the last dimension changing first.

    Raises:
        ConfigError: they are continuous, or more than 1,000.
    """
    count = _count(space)
    if count is None:
        raise ConfigError(
            f"environment {id} has the actions {space};",
            "Q-learning chooses one of a number of actions: Discrete, MultiDiscrete or MultiBinary; there is no task"
            " for continuous actions yet;",
            "wrap it with gymnasium.wrappers.TransformAction to a few actions, or try data=cartpole.",
        )
    if count > MOST_ACTIONS:
        raise ConfigError(
            f"environment {id} has {count:,} combinations of actions, {space};",
            f"Q-learning has an output for each, at most {MOST_ACTIONS:,};",
            "wrap it with gymnasium.wrappers.TransformAction to fewer actions, or try data=cartpole.",
        )
    return list(_choices(space))


def _count(space: Any) -> int | None:
    """The number of actions of a space; None if they cannot be counted."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return math.prod(int(each) for each in space.nvec.reshape(-1))
    if isinstance(space, spaces.MultiBinary):
        return int(2 ** min(math.prod(space.shape), 64))
    if isinstance(space, spaces.Dict | spaces.Tuple):
        counts = [_count(each) for each in _inner(space)]
        return None if None in counts else math.prod(count for count in counts if count is not None)
    return None


def _inner(space: Any) -> list[Any]:
    return list(space.spaces.values()) if isinstance(space, spaces.Dict) else list(space.spaces)


def _choices(space: Any) -> Iterator[Any]:
    if isinstance(space, spaces.Discrete):
        yield from range(int(space.start), int(space.start + space.n))
    elif isinstance(space, spaces.Dict | spaces.Tuple):
        for chosen in itertools.product(*(list(_choices(each)) for each in _inner(space))):
            yield dict(zip(space.spaces, chosen, strict=True)) if isinstance(space, spaces.Dict) else chosen
    else:
        sizes, start = (space.nvec, space.start) if isinstance(space, spaces.MultiDiscrete) else (None, 0)
        ranges = (
            [range(int(each)) for each in sizes.reshape(-1)]
            if sizes is not None
            else [range(2)] * math.prod(space.shape)
        )
        for chosen in itertools.product(*ranges):
            yield (np.array(chosen).reshape(space.shape) + start).astype(space.dtype)


def as_plain(action: Any) -> Any:
    """An action in plain types, for the metadata of an exported policy."""
    if isinstance(action, dict):
        return {name: as_plain(each) for name, each in action.items()}
    if isinstance(action, tuple):
        return [as_plain(each) for each in action]
    return action.tolist() if isinstance(action, np.ndarray | np.generic) else action


def sizes_of(space: Any) -> list[int]:
    """The number of choices in each dimension of an action."""
    if isinstance(space, spaces.MultiDiscrete):
        return [int(each) for each in space.nvec.reshape(-1)]
    return [2] * math.prod(space.shape) if isinstance(space, spaces.MultiBinary) else []


def as_mask(id: str, value: Any, count: int, sizes: Sequence[int]) -> Array:
    """Which actions are valid, bool (count,).

    Args:
        value: one entry for each action, or, as in sb3-contrib, for each choice of each of the dimensions ``sizes``.

    Raises:
        DataError: it has another form.
    """
    if value is None:
        return np.ones(count, np.bool_)
    if isinstance(value, tuple) and len(value) == len(sizes):  # as Gymnasium's sample(mask) takes it
        value = np.concatenate([np.asarray(each).reshape(-1) for each in value])
    try:
        found = np.asarray(value)
    except ValueError:
        found = np.empty(0)
    if found.dtype.kind in "biuf" and found.size == count:
        return found.reshape(-1) != 0
    if found.dtype.kind in "biuf" and sizes and found.size == sum(sizes):
        mask = np.ones((), np.bool_)
        for part in np.split(found.reshape(-1) != 0, np.cumsum(sizes)[:-1]):
            mask = np.logical_and.outer(mask, part)
        return mask.reshape(-1)
    shown = f"of shape {found.shape}" if found.dtype.kind in "biuf" else f"of type {type(value).__name__}"
    raise DataError(
        f"environment {id} returned an action mask {shown};",
        f"a mask has one entry for each of the {count} actions, 0 where it is not valid;",
        "fix the environment, or choose another with data.id=...",
    )


def none_valid(id: str) -> DataError:
    """The error for a mask that allows no action although the episode continues."""
    return DataError(
        f"environment {id} allows no action, but the episode has not ended;",
        "an action mask has at least one valid action unless the episode is terminated or truncated;",
        "fix the environment, or choose another with data.id=...",
    )
