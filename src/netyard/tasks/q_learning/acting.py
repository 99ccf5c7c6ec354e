"""Policies, which choose actions, and the metrics of their episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netyard.tasks.interfaces import Noisy
from netyard.tasks.q_learning.chain import Chain, numpy_choice

Act = Callable[..., Any]
"""A policy: observations (B, *shape), and masks of valid actions, bool (B, num_actions), if there are any -> actions
int64 (B,), all NumPy arrays."""
_NUMPY_BATCH = 32  # observations; for larger batches torch is faster than NumPy

# Layers whose output in training differs from that in evaluation.
_TRAINING_DEPENDENT = nn.Dropout | nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def greedy_policy(net: nn.Module, values: Callable[[Tensor], Tensor], device: torch.device) -> Act:
    """Return the policy of the action with the largest value; it uses the net's current weights at each call."""

    def slow(observations: Any, masks: Any = None) -> Any:
        with torch.inference_mode():
            # from_numpy does not accept arrays with negative strides, as flipped frames have.
            x = torch.from_numpy(np.ascontiguousarray(observations)).to(device)  # (B, *shape)
            estimated = values(net(x))  # (B, num_actions)
            if masks is not None:
                estimated = only_valid(estimated, torch.from_numpy(masks).to(device))
            return estimated.argmax(dim=-1).cpu().numpy()  # (B,)

    # On the CPU a small net is computed by NumPy, since calling torch's modules takes longer than their arithmetic.
    chain = Chain.of(net) if device.type == "cpu" else None
    if chain is None:
        return slow
    arrays = chain.arrays()  # views of the parameters, which the optimizer changes in place

    # Characters, since comparing types of NumPy takes as long as a layer.
    types = {"f", *(np.dtype(str(kind).removeprefix("torch.")).char for kind in chain.scales)}

    def fast(observations: Any, masks: Any = None) -> Any:
        if len(observations) > _NUMPY_BATCH or observations.dtype.char not in types:
            return slow(observations, masks)
        return numpy_choice(arrays, observations, masks, chain.scales)

    return fast


def training_policy(net: Any, values: Callable[[Tensor], Tensor], device: torch.device, noise: torch.Generator) -> Act:
    """Return the greedy policy during training: with the noise of a noisy net, but without dropout."""
    noisy = isinstance(net, Noisy) and bool(net.noisy)
    # The mode in which the net will act, because ``Chain.of`` in greedy_policy compares its outputs.
    net.train(noisy)
    choose = greedy_policy(net, values, device)
    net.train()
    if not noisy and not any(isinstance(each, _TRAINING_DEPENDENT) for each in net.modules()):
        return choose

    def act(observations: Any, masks: Any = None) -> Any:
        if noisy:
            net.draw_noise(noise)  # new noise for every step: Fortunato et al. 2018, arXiv:1706.10295, section 3.1
            return choose(observations, masks)
        net.eval()
        actions = choose(observations, masks)
        net.train()
        return actions

    return act


def only_valid(values: Tensor, masks: Tensor) -> Tensor:
    """The values of valid actions, and minus infinity for the others: (B, A) and bool (B, A) -> (B, A)."""
    return values.masked_fill(~masks, -torch.inf)


def scores(episodes: list[tuple[float, int]]) -> dict[str, Tensor]:
    """Return the metrics of evaluation episodes, which are given as (return, length)."""
    returns, lengths = torch.tensor(episodes, dtype=torch.float64).unbind(1)
    found = {
        "return": returns.mean(),
        "return_std": returns.std(correction=0),  # not divided by n - 1: one episode has deviation 0, not NaN
        "return_iqm": interquartile_mean(returns),
        "length": lengths.mean(),
    }
    return {name: value.float() for name, value in found.items()}


def interquartile_mean(values: Tensor) -> Tensor:
    """The mean of the middle half of the values; if their number is not divisible by 4, with weights at its ends.

    Less sensitive to single episodes than the mean, and less noisy than the median. Agarwal et al. 2021,
    arXiv:2108.13264.
    """
    ordered = values.sort().values
    count = len(ordered)
    low, high = count / 4, 3 * count / 4
    place = torch.arange(count, device=values.device, dtype=values.dtype)
    # Value i covers the interval [i, i + 1); its weight is the length of the overlap with [n / 4, 3 n / 4].
    weight = (torch.clamp(place + 1, max=high) - torch.clamp(place, min=low)).clamp(min=0)
    return (weight * ordered).sum() / weight.sum()
