"""Weighted means over an epoch, summed on the device and read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor


class Means:
    """Means of several scalars over the samples of an epoch, whatever the batches' sizes and the number of devices.

    Logging a metric every step costs a small network as much as the step itself; an addition on the device costs
    little, and does not wait for it.

    Args:
        state: what ``state`` said, of all devices, to go on from.
        whole: whether this is the device that counts it; on the others it is nothing, so that it counts once.
    """

    def __init__(self, state: Mapping[str, Any] | None = None, whole: bool = True) -> None:
        state = state or {"sums": {}, "weight": 0}
        self._sums: dict[str, Tensor] = {name: each * whole for name, each in state["sums"].items()}
        self._weight: int | Tensor = state["weight"] * whole

    def state(self, task: LightningModule) -> dict[str, Any]:
        """The sums over all devices, on the CPU, and their weight; nothing before the first batch of an epoch."""
        if not self._sums:
            return {}
        sums = self._totals(task).cpu()
        return {"sums": dict(zip(self._sums, sums[:-1].clone(), strict=True)), "weight": float(sums[-1])}

    def add(self, weight: int | Tensor, **means: Tensor) -> None:
        """Take in a batch: the mean of each scalar over its ``weight`` samples.

        The weight is a tensor where only the device knows it; a batch of none counts for nothing, though its means be
        0/0. A name that begins with ``_`` is there to derive others from, and is not logged.
        """
        self._weight = self._weight + weight
        for name, mean in means.items():
            term = mean.detach().float() * weight
            if isinstance(weight, Tensor):
                term = torch.where(weight > 0, term, 0.0)
            self._sums[name] = self._sums[name].to(term.device) + term if name in self._sums else term

    def log(self, task: LightningModule, stage: str, **derived: Callable[[dict[str, Tensor]], Tensor]) -> None:
        """Log every mean, and what is derived from the means, as ``stage/name`` over all devices, and start anew."""
        if self._sums:
            sums = self._totals(task)
            means = dict(zip(self._sums, (sums[:-1] / sums[-1]).unbind(), strict=True))
            means |= {name: derive(means) for name, derive in derived.items()}
            named = {f"{stage}/{name}": mean for name, mean in means.items() if not name.startswith("_")}
            task.log_dict(named, on_step=False, on_epoch=True, batch_size=1)
        self._sums, self._weight = {}, 0

    def _totals(self, task: LightningModule) -> Tensor:
        """Each sum, and last the weight, over all devices."""
        weight = torch.as_tensor(self._weight, dtype=torch.float32, device=task.device)
        return task.trainer.strategy.reduce(torch.stack([*self._sums.values(), weight]), reduce_op="sum")
