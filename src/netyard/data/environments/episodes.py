"""Whole episodes: played to judge an agent, or to look at."""

from __future__ import annotations

from collections.abc import Callable

import torch

from netyard.data.environments.vector import Array, Stage
from netyard.errors import DataError

Policy = Callable[[Array], Array]
"""Observations (B, *shape) to actions, int (B,)."""
_ENDLESS = 200_000  # steps after which an episode is taken for one that never ends


@torch.inference_mode()
def play(stage: Stage, policy: Policy, seeds: list[int]) -> list[tuple[float, int]]:
    """An episode of each seed, side by side: the return and the length of each.

    Raises:
        DataError: one does not end, or gives a reward that is no number.
    """
    for place, seed in enumerate(seeds):
        stage.reset(place, seed)
    returns, lengths = [0.0] * len(seeds), [0] * len(seeds)
    going = list(range(len(seeds)))
    while going:
        actions = policy(stage.observations[going])
        for place, action in zip(tuple(going), actions.tolist(), strict=True):
            moment = stage.step(place, action)
            if moment.reward - moment.reward != 0.0:
                raise not_finite(stage.id, "reward", moment.reward)
            returns[place] += moment.reward
            lengths[place] += 1
            if moment.terminated or moment.truncated:
                going.remove(place)
        if going and lengths[going[0]] >= _ENDLESS:
            raise DataError(
                f"environment {stage.id} has not ended an episode in {_ENDLESS:,} steps;",
                "an evaluation is of whole episodes;",
                "try data.max_episode_steps=1000.",
            )
    return list(zip(returns, lengths, strict=True))


@torch.inference_mode()
def show(stage: Stage, policy: Policy, seed: int, every: int, limit: int) -> tuple[list[Array], float]:
    """Every ``every``-th picture of an episode's first ``limit`` steps, uint8 (H, W, 3); and its return."""
    stage.reset(0, seed)
    frames, total = [stage.render(0)], 0.0
    for step in range(1, limit + 1):
        moment = stage.step(0, int(policy(stage.observations)[0]))
        total += moment.reward
        ended = moment.terminated or moment.truncated
        if step % every == 0 or ended:
            frames.append(stage.render(0))
        if ended:
            break
    return frames, total


def not_finite(id: str, what: str, value: object) -> DataError:
    """What to raise where an environment gave a number that is none."""
    return DataError(
        f"environment {id} gave the {what} {value};",
        "observations and rewards must be finite numbers;",
        "mend the environment, or choose another with data.id=...",
    )
