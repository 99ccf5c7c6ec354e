"""Whole episodes: to evaluate an agent, or to record frames of it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from netyard.data.environments.returned import not_finite
from netyard.data.environments.vector import Array, VectorEnvironment
from netyard.errors import DataError

Policy = Callable[..., Array]
"""Observations (B, *shape), and if there are masks of valid actions, bool (B, num_actions), these -> actions (B,)."""
_ENDLESS = 200_000  # steps after which an episode is assumed never to end


@torch.inference_mode()
def run_episodes(environments: VectorEnvironment, policy: Policy, seeds: list[int]) -> list[tuple[float, int]]:
    """Run one episode for each seed, in parallel: the return and the length of each.

    Raises:
        DataError: an episode does not end, or a reward is NaN or infinite.
    """
    for index, seed in enumerate(seeds):
        environments.reset(index, seed)
    returns, lengths = [0.0] * len(seeds), [0] * len(seeds)
    # Only running episodes are passed to the policy: finished ones cost nothing while the longest continue.
    running = list(range(len(seeds)))
    while running:
        masks = environments.masks
        observations = environments.observations[running]
        actions = policy(observations) if masks is None else policy(observations, masks[running])
        for index, action in zip(tuple(running), actions.tolist(), strict=True):
            result = environments.step(index, action)
            # False for every finite number; NaN and infinity give NaN.
            if result.reward - result.reward != 0.0:
                raise not_finite(environments.id, "reward", result.reward)
            returns[index] += result.reward
            lengths[index] += 1
            if result.terminated or result.truncated:
                running.remove(index)
        if running and lengths[running[0]] >= _ENDLESS:
            raise DataError(
                f"environment {environments.id} has not ended an episode in {_ENDLESS:,} steps;",
                "an evaluation runs whole episodes;",
                "try data.max_episode_steps=1000.",
            )
    return list(zip(returns, lengths, strict=True))


@torch.inference_mode()
def record_episode(
    environments: VectorEnvironment, policy: Policy, seed: int, every: int, limit: int
) -> tuple[list[Array], float]:
    """Every ``every``-th frame of an episode's first ``limit`` steps, uint8 (H, W, 3), and its return up to there."""
    environments.reset(0, seed)
    frames, total = [environments.render(0)], 0.0
    for step in range(1, limit + 1):
        masks = environments.masks
        action = policy(environments.observations) if masks is None else policy(environments.observations, masks)
        result = environments.step(0, int(action[0]))
        total += result.reward
        ended = result.terminated or result.truncated
        if step % every == 0 or ended:
            frames.append(environments.render(0))
        if ended:
            break
    return frames, total
