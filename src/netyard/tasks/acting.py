"""Choosing actions, and what is made of the returns they bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netyard.tasks.chain import Chain, numpy_choice

Act = Callable[[Any], Any]
"""Observations (B, *shape) to actions int64 (B,), NumPy arrays both."""
_FEW = 32  # observations; with more, NumPy's way is no longer the shorter one


def quick(net: nn.Module, values: Callable[[Tensor], Tensor], device: torch.device) -> Act:
    """The choice of the action that a net values most, as it is from now on."""

    def slow(observations: Any) -> Any:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(observations)).to(device)
            return values(net(x)).argmax(dim=-1).cpu().numpy()

    chain = Chain.of(net) if device.type == "cpu" else None
    if chain is None:
        return slow
    arrays = chain.arrays()

    def fast(observations: Any) -> Any:
        return numpy_choice(arrays, observations) if len(observations) <= _FEW else slow(observations)

    return fast


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
