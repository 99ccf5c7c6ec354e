"""Weighted means over an epoch, summed on the device and read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from netyard.errors import ArgumentError


class RunningMean:
    """The mean of several scalars over the samples of an epoch, whatever the batches' sizes and the number of devices.

    Logging a metric every step costs a small network as much as the step itself; an addition on the device costs
    little, and does not wait for it.

    Args:
        state: a result of ``state``, summed over all devices, to continue from.
        whole: whether this device takes the state; False on the others, so that it is counted once.
    """

    def __init__(self, state: Mapping[str, Any] | None = None, whole: bool = True) -> None:
        state = state or {"sums": {}, "weight": 0}
        self._names = tuple(state["sums"])
        self._sums: Tensor | None = torch.stack([*state["sums"].values()]) * whole if self._names else None
        self._weight: int | Tensor = state["weight"] * whole

    def state(self, task: LightningModule) -> dict[str, Any]:
        """The sums over all devices, on the CPU, and their weight; nothing before the first batch of an epoch."""
        if self._sums is None:
            return {}
        sums = self._totals(task, self._sums).cpu()
        return {"sums": dict(zip(self._names, sums[:-1].clone(), strict=True)), "weight": float(sums[-1])}

    def add(self, weight: int | Tensor, **means: Tensor) -> None:
        """Take in a batch: the mean of each scalar over its ``weight`` samples, the same scalars in every batch.

        The weight is a tensor where only the device knows it; a batch of weight 0 is ignored, although its means are
        0/0. A name that begins with ``_`` is used to derive other metrics, and is not logged.

        Raises:
            ArgumentError: an earlier batch had other scalars.
        """
        self._weight = self._weight + weight
        terms = torch.stack([mean.detach() for mean in means.values()]).float()
        if isinstance(weight, Tensor):
            terms = torch.where(weight > 0, terms * weight, 0.0)
            weight = 1
        if self._sums is None:
            self._names, self._sums = tuple(means), torch.zeros_like(terms)
        if tuple(means) != self._names:
            raise ArgumentError(
                f"the batches of an epoch had {', '.join(self._names)}, and this one has {', '.join(means)};",
                "a mean over an epoch needs every scalar in every batch;",
                "add the same scalars for each.",
            )
        self._sums = self._sums.to(terms.device).add_(terms, alpha=weight)

    def log(self, task: LightningModule, stage: str, **derived: Callable[[dict[str, Tensor]], Tensor]) -> None:
        """Log every mean, and what is derived from the means, as ``stage/name`` over all devices, and reset them."""
        if self._sums is not None:
            sums = self._totals(task, self._sums)
            means = dict(zip(self._names, (sums[:-1] / sums[-1]).unbind(), strict=True))
            means |= {name: derive(means) for name, derive in derived.items()}
            named = {f"{stage}/{name}": mean for name, mean in means.items() if not name.startswith("_")}
            task.log_dict(named, on_step=False, on_epoch=True, batch_size=1)
        self._names, self._sums, self._weight = (), None, 0

    def _totals(self, task: LightningModule, sums: Tensor) -> Tensor:
        """Each sum, and last the weight, over all devices."""
        weight = torch.as_tensor(self._weight, dtype=torch.float32, device=task.device)
        return task.trainer.strategy.reduce(torch.cat([sums, weight[None]]), reduce_op="sum")
