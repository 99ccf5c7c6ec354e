"""Epsilon-greedy: how often an agent tries something else than what it values most."""

from __future__ import annotations

from typing import Any

import numpy as np

from netyard.errors import ArgumentError
from netyard.tasks.q_learning.acting import Act

Array = Any  # np.ndarray


class Exploration:
    """The share of random actions, which falls in the course of a run.

    Args:
        start, end: from the one to the other ...
        fraction: ... in this fraction of the run ...
        schedule: ... along a straight line (linear) or exponentially (exponential).
        warmup_steps: before which every action is random.

    Raises:
        ArgumentError: no such schedule; an exponential one from or to nothing.
    """

    def __init__(self, start: float, end: float, fraction: float, schedule: str, warmup_steps: int) -> None:
        if schedule not in ("linear", "exponential") or (schedule == "exponential" and min(start, end) <= 0):
            raise ArgumentError(
                f"task.epsilon_schedule is {schedule!r} from {start} to {end};",
                "it is linear, or exponential between two numbers above 0;",
                "try task.epsilon_schedule=linear.",
            )
        self.start, self.end, self.fraction, self.schedule = start, end, fraction, schedule
        self.warmup_steps = warmup_steps

    def epsilon(self, step: int, run_steps: float) -> float:
        """At an environment step of a run of so many."""
        if step < self.warmup_steps:
            return 1.0
        done = min(step / (self.fraction * run_steps), 1.0) if self.fraction > 0 else 1.0
        if self.schedule == "exponential":
            return self.start * (self.end / self.start) ** done
        return self.start + (self.end - self.start) * done


class Tries:
    """What is tried in a round, drawn at once.

    Args:
        epsilons: of each step.
        num_envs: environments that are stepped side by side.
    """

    def __init__(self, numbers: np.random.Generator, epsilons: list[float], num_envs: int, num_actions: int) -> None:
        chance: Array = numbers.random((len(epsilons), num_envs))
        self.anything: Array = numbers.integers(num_actions, size=(len(epsilons), num_envs))
        self.explores = chance < np.array(epsilons)[:, None]
        self.somewhere, self.everywhere = self.explores.any(axis=1).tolist(), self.explores.all(axis=1).tolist()

    def actions(self, number: int, act: Act, observations: Array) -> Array:
        """Of a step, int64 (num_envs,); where nothing is tried ``act`` chooses."""
        if self.everywhere[number]:
            return self.anything[number]
        chosen = act(observations)
        return np.where(self.explores[number], self.anything[number], chosen) if self.somewhere[number] else chosen
