"""Policies that choose actions, and the scores of their episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netyard.tasks.interfaces import Noisy
from netyard.tasks.q_learning.chain import Chain, numpy_choice

Act = Callable[[Any], Any]
"""Observations (B, *shape) to actions int64 (B,), NumPy arrays both."""
_NUMPY_BATCH = 32  # observations; for larger batches NumPy is no longer faster than torch

# Layers that do something else in training than in evaluation.
_TRAINING_DEPENDENT = nn.Dropout | nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def greedy_policy(net: nn.Module, values: Callable[[Tensor], Tensor], device: torch.device) -> Act:
    """The policy that chooses the action with the largest value; it follows later changes of the weights."""

    def slow(observations: Any) -> Any:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(observations)).to(device)
            return values(net(x)).argmax(dim=-1).cpu().numpy()

    chain = Chain.of(net) if device.type == "cpu" else None
    if chain is None:
        return slow
    arrays = chain.arrays()

    def fast(observations: Any) -> Any:
        return numpy_choice(arrays, observations) if len(observations) <= _NUMPY_BATCH else slow(observations)

    return fast


def training_policy(net: Any, values: Callable[[Tensor], Tensor], device: torch.device, noise: torch.Generator) -> Act:
    """The greedy policy during training: with the noise of a noisy net, without dropout."""
    noisy = isinstance(net, Noisy) and bool(net.noisy)
    net.train(noisy)
    choose = greedy_policy(net, values, device)
    net.train()
    if not noisy and not any(isinstance(each, _TRAINING_DEPENDENT) for each in net.modules()):
        return choose

    def act(observations: Any) -> Any:
        if noisy:
            net.draw_noise(noise)
            return choose(observations)
        net.eval()
        actions = choose(observations)
        net.train()
        return actions

    return act


def scores(episodes: list[tuple[float, int]]) -> dict[str, Tensor]:
    """Metrics of evaluation episodes, given as (return, length)."""
    returns, lengths = torch.tensor(episodes, dtype=torch.float64).unbind(1)
    found = {
        "return": returns.mean(),
        "return_std": returns.std(correction=0),
        "return_iqm": interquartile_mean(returns),
        "length": lengths.mean(),
    }
    return {name: value.float() for name, value in found.items()}


def interquartile_mean(values: Tensor) -> Tensor:
    """The mean of the middle half, a fraction of the values at its ends included.

    Agarwal et al. 2021, arXiv:2108.13264.
    """
    ordered = values.sort().values
    count = len(ordered)
    low, high = count / 4, 3 * count / 4
    place = torch.arange(count, device=values.device, dtype=values.dtype)
    weight = (torch.clamp(place + 1, max=high) - torch.clamp(place, min=low)).clamp(min=0)
    return (weight * ordered).sum() / weight.sum()
