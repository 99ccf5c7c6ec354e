"""Baselines of agents: random actions, and simple rules for environments that have a known one.

They act in the same episodes as the network in its test, with the same seeds and limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from netyard.baselines.scores import Scores
from netyard.errors import DataError
from netyard.tasks.interfaces import EnvironmentData, Policy

VERSION = 1
_MOST_STEPS = 60_000  # of one policy, in all of its episodes; then those that have ended are scored
_AT_ONCE = 10  # episodes
_SEED = 0
_PURPOSES = {"val": 1, "test": 2}  # of episodes, as in ``data.environments.vector``: each has its own seeds
_KEYS = ("id", "options", "observation_parts", "scaling", "frame_stack", "max_episode_steps", "seed", "num_actions")

Rule = Callable[[np.ndarray], np.ndarray]
"""Observations (B, F) in the environment's own units -> actions (B,)."""


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The environment and its episodes, which have no other content."""
    episodes = {name: getattr(data, name, None) for name in ("val_episodes", "test_episodes")}
    return {key: getattr(data, key, None) for key in _KEYS} | episodes


def scores(task: Any, data: Any, stage: str) -> Scores:
    """The returns of each policy.

    Raises:
        DataError: the episodes do not end.
    """
    if not isinstance(data, EnvironmentData):
        return Scores({}, "max")
    data_of: Any = data
    count = int(getattr(data_of, f"{stage}_episodes", 0))
    values: dict[str, dict[str, float]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    fewest = count
    for name, policy in policies(data_of).items():
        episodes = _episodes(data_of, policy, _PURPOSES[stage], count)
        fewest = min(fewest, len(episodes))
        for metric, value in task.measured(episodes).items():
            values.setdefault(metric, {})[name] = value
        returns = np.array([total for total, _ in episodes])
        error = float(returns.std(ddof=1) / math.sqrt(len(returns))) if len(returns) > 1 else None
        chosen[name] = {"episodes": len(episodes), "standard_error": error}
    return Scores(values, "max", None, fewest if fewest < count else None, chosen)


def policies(data: Any) -> Mapping[str, Policy]:
    """The policies of an environment: ``random_policy``, and ``scripted_policy`` where there is a rule."""
    generator = np.random.default_rng(_SEED)

    def at_random(observations: Any, masks: Any = None) -> Any:
        if masks is None:
            return generator.integers(data.num_actions, size=len(observations))
        return np.array([generator.choice(np.flatnonzero(mask)) for mask in masks], np.int64)

    found: dict[str, Policy] = {"random_policy": at_random}
    rule, size = RULES.get(str(data.id), (None, 0))
    if rule is None or list(data.input_shape or []) != [size * data.frame_stack]:
        return found

    def by_rule(observations: Any, masks: Any = None) -> Any:
        own = data.denormalize(torch.from_numpy(np.array(observations))).double().numpy()
        return rule(own[:, -size:])  # of stacked observations the newest

    return found | {"scripted_policy": by_rule}


def _episodes(data: Any, policy: Policy, purpose: int, count: int) -> list[tuple[float, int]]:
    """Return and length of ``count`` episodes, or of as many as end within the limit of steps."""
    steps = 0
    found: list[tuple[float, int]] = []

    def limited(observations: Any, masks: Any = None) -> Any:
        nonlocal steps
        steps += len(observations)
        # Steps and not seconds, so that all machines score the same episodes.
        if steps > _MOST_STEPS:
            raise _TooLongError
        return policy(observations) if masks is None else policy(observations, masks)

    for first in range(0, count, _AT_ONCE):
        try:
            # All of a group, or none: the short ones among those that have begun would not be a fair choice.
            found += data.run_episodes(limited, purpose, [*range(first, min(first + _AT_ONCE, count))])
        except _TooLongError:
            break
    if not found:
        raise DataError(
            f"{min(_AT_ONCE, count)} episodes of {data.id} did not end within {_MOST_STEPS:,} steps;",
            "a policy is scored on whole episodes;",
            "try data.max_episode_steps=1000.",
        )
    return found


class _TooLongError(Exception):
    """Raised by a policy in the middle of an episode."""


def cart_pole(x: np.ndarray) -> np.ndarray:
    """Push toward the side to which the pole falls: (position, velocity, angle, angular velocity)."""
    found: np.ndarray = (x[:, 2] + x[:, 3] > 0).astype(np.int64)
    return found


def mountain_car(x: np.ndarray) -> np.ndarray:
    """Push in the direction of the velocity: (position, velocity)."""
    return np.where(x[:, 1] < 0, 0, 2)


def acrobot(x: np.ndarray) -> np.ndarray:
    """Turn the joint in the direction of the first link's swing, which adds energy to it.

    (cosine and sine of both angles, angular velocities of both links)
    """
    return np.where(x[:, 4] < 0, 2, 0)


def lunar_lander(x: np.ndarray) -> np.ndarray:
    """The controller that Gymnasium has in its source for tests of this environment."""
    from gymnasium.envs.box2d import lunar_lander as source

    environment: Any = SimpleNamespace(unwrapped=SimpleNamespace(continuous=False), continuous=False)
    return np.array([source.heuristic(environment, row) for row in x], np.int64)


RULES: dict[str, tuple[Rule, int]] = {
    "CartPole-v0": (cart_pole, 4),
    "CartPole-v1": (cart_pole, 4),
    "MountainCar-v0": (mountain_car, 2),
    "Acrobot-v1": (acrobot, 6),
    "LunarLander-v2": (lunar_lander, 8),
    "LunarLander-v3": (lunar_lander, 8),
}
"""By the id of an environment: its rule, and the numbers in an observation."""
