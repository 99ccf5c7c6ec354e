"""Epsilon-greedy: how often an agent takes a random action instead of the greedy one."""

from __future__ import annotations

from typing import Any

import numpy as np

from netyard.errors import ArgumentError
from netyard.tasks.q_learning.acting import Act

Array = Any  # np.ndarray


class Exploration:
    """The share of random actions, which falls during a run.

    Args:
        start, end: the shares at both ends ...
        fraction: ... of this fraction of the run ...
        schedule: ... along a straight line (linear) or exponentially (exponential).
        warmup_steps: steps at the beginning in which every action is random.

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
        """The share at an environment step, in a run of ``run_steps``."""
        if step < self.warmup_steps:
            return 1.0
        done = min(step / (self.fraction * run_steps), 1.0) if self.fraction > 0 else 1.0
        if self.schedule == "exponential":
            return self.start * (self.end / self.start) ** done
        return self.start + (self.end - self.start) * done


class RandomActions:
    """The random actions of a rollout, all drawn at once because many small draws are slow.

    Args:
        epsilons: the share of random actions at each step.
        num_envs: environments that are stepped in parallel.
    """

    def __init__(self, numbers: np.random.Generator, epsilons: list[float], num_envs: int, num_actions: int) -> None:
        chance: Array = numbers.random((len(epsilons), num_envs))
        self.random_actions: Array = numbers.integers(num_actions, size=(len(epsilons), num_envs))
        self.is_random = chance < np.array(epsilons)[:, None]
        self.any_random, self.all_random = self.is_random.any(axis=1).tolist(), self.is_random.all(axis=1).tolist()

    def actions(self, number: int, act: Act, observations: Array) -> Array:
        """The actions of a step, int64 (num_envs,): random ones, elsewhere those of ``act``."""
        if self.all_random[number]:
            return self.random_actions[number]
        chosen = act(observations)
        return (
            np.where(self.is_random[number], self.random_actions[number], chosen) if self.any_random[number] else chosen
        )
