"""Epsilon-greedy exploration: with probability epsilon an action is random, else it is the greedy one."""

from __future__ import annotations

from typing import Any

import numpy as np

from netyard.errors import ArgumentError
from netyard.tasks.q_learning.acting import Act

Array = Any  # np.ndarray


class Exploration:
    """The schedule of epsilon, the probability of a random action.

    Args:
        start: epsilon at the start of the run.
        end: epsilon after ``fraction`` of the run, and from there on.
        fraction: the fraction of the run's steps during which epsilon changes.
        schedule: how it changes, ``linear`` or ``exponential``.
        warmup_steps: steps at the start of the run in which every action is random.

    Raises:
        ArgumentError: the schedule is exponential, and ``start`` or ``end`` is 0.
    """

    def __init__(self, start: float, end: float, fraction: float, schedule: str, warmup_steps: int) -> None:
        if schedule == "exponential" and min(start, end) <= 0:
            raise ArgumentError(
                f"epsilon_schedule is exponential, epsilon_start {start} and epsilon_end {end};",
                "an exponential schedule needs a start and an end above 0;",
                "try task.epsilon_schedule=linear.",
            )
        self.start, self.end, self.fraction, self.schedule = start, end, fraction, schedule
        self.warmup_steps = warmup_steps

    def epsilon(self, step: int, run_steps: float) -> float:
        """Return epsilon at an environment step of a run of ``run_steps``."""
        if step < self.warmup_steps:
            return 1.0
        done = min(step / (self.fraction * run_steps), 1.0) if self.fraction > 0 else 1.0
        if self.schedule == "exponential":  # a geometric interpolation: epsilon falls by the same factor in each step
            return self.start * (self.end / self.start) ** done
        return self.start + (self.end - self.start) * done


class RandomActions:
    """The random actions of a rollout, all sampled at once, because many small calls are slow.

    Args:
        rng: the source of random numbers.
        epsilons: the probability of a random action at each step.
        num_envs: environments that are stepped in parallel.
        num_actions: the number of actions to choose from.
    """

    def __init__(self, rng: np.random.Generator, epsilons: list[float], num_envs: int, num_actions: int) -> None:
        chance: Array = rng.random((len(epsilons), num_envs))  # (steps, num_envs)
        self.random_actions: Array = rng.integers(num_actions, size=(len(epsilons), num_envs))
        # Each environment decides alone. random() is below 1, so an epsilon of 1 always chooses a random action.
        self.is_random = chance < np.array(epsilons)[:, None]
        # For masks: a place among the valid actions. Drawn in any case, so that the other numbers never depend on it.
        self.places: Array = rng.random((len(epsilons), num_envs))
        # As Python lists, because indexing a NumPy array at every environment step is slow.
        self.any_random, self.all_random = self.is_random.any(axis=1).tolist(), self.is_random.all(axis=1).tolist()

    def actions(self, number: int, act: Act, observations: Array, masks: Array | None = None) -> Array:
        """Return the actions of a step, int64 (num_envs,): random ones, and those of the policy ``act``.

        With ``masks``, bool (num_envs, num_actions), all are valid, and random ones are uniform among those.
        """
        if masks is not None:
            return self._valid(number, act, observations, masks)
        if self.all_random[number]:  # the net need not be evaluated
            return self.random_actions[number]
        chosen = act(observations)
        return (
            np.where(self.is_random[number], self.random_actions[number], chosen) if self.any_random[number] else chosen
        )

    def _valid(self, number: int, act: Act, observations: Array, masks: Array) -> Array:
        places = (self.places[number] * masks.sum(axis=1)).astype(np.int64)  # of the action among the valid ones
        random_actions = (masks.cumsum(axis=1) > places[:, None]).argmax(axis=1)
        if self.all_random[number]:
            return random_actions
        return np.where(self.is_random[number], random_actions, act(observations, masks))
