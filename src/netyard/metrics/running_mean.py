"""Weighted means of scalars over an epoch, summed on the device and copied to the CPU once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from netyard.errors import ArgumentError


class RunningMean:
    """The mean of several scalars over the samples of an epoch, for batches of any size on any number of devices.

    Lightning's logging at every step takes as long as a step of a small network; one addition on the device does not
    wait for the device, and takes little.

    Args:
        state: a result of ``state``, summed over all devices, to continue from.
        is_first_rank: False on all ranks but one, which ignore the state: it must be counted once.
    """

    def __init__(self, state: Mapping[str, Any] | None = None, is_first_rank: bool = True) -> None:
        state = state or {"sums": {}, "weight": 0}
        self._names = tuple(state["sums"])
        # Other ranks keep zeros instead of None: they must call the same collective operations as the first.
        self._sums: Tensor | None = torch.stack([*state["sums"].values()]) * is_first_rank if self._names else None
        self._weight: int | Tensor = state["weight"] * is_first_rank

    def state(self, task: LightningModule) -> dict[str, Any]:
        """The sums over all devices, on the CPU, and their weight; empty before the first batch of an epoch."""
        if self._sums is None:
            return {}
        sums = self._totals(task, self._sums).cpu()
        return {"sums": dict(zip(self._names, sums[:-1].clone(), strict=True)), "weight": float(sums[-1])}

    def add(self, weight: int | Tensor, **means: Tensor) -> None:
        """Add a batch: the mean of each scalar over its ``weight`` samples, the same scalars in every batch.

        The weight is a tensor if its value is computed on the device (reading it would wait for the device). A scalar
        whose name begins with ``_`` is an input of derived metrics only and is not logged.

        Raises:
            ArgumentError: an earlier batch had other scalars.
        """
        self._weight = self._weight + weight
        # detach(): else the graphs of all batches would stay in memory. float32: sums in bfloat16 lose small terms.
        terms = torch.stack([mean.detach() for mean in means.values()]).float()
        if isinstance(weight, Tensor):
            # A batch of weight 0 has means of 0 / 0, and NaN * 0 would be NaN.
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

    def log(self, task: LightningModule, stage: str, **derived: Callable[[dict[str, Tensor]], Tensor | None]) -> None:
        """Log every mean, and functions ``derived`` of them, as ``stage/name`` over all devices, and reset.

        A function that returns None logs nothing.
        """
        if self._sums is not None:
            means = self._means(self._totals(task, self._sums), derived)
            named = {f"{stage}/{name}": mean for name, mean in means.items()}
            # Without sync_dist: the values are already the same on all devices.
            task.log_dict(named, on_step=False, on_epoch=True, batch_size=1)
        self._names, self._sums, self._weight = (), None, 0

    def values(self, **derived: Callable[[dict[str, Tensor]], Tensor | None]) -> dict[str, float]:
        """Return what ``log`` logs, without the other devices; {} before the first batch."""
        if self._sums is None:
            return {}
        weight = torch.as_tensor(self._weight, dtype=torch.float32, device=self._sums.device)
        means = self._means(torch.cat([self._sums, weight[None]]), derived)
        return {name: float(mean) for name, mean in means.items()}

    def _means(
        self, sums: Tensor, derived: Mapping[str, Callable[[dict[str, Tensor]], Tensor | None]]
    ) -> dict[str, Tensor]:
        """The means that are shown, and those derived of them, from sums that are followed by their weight."""
        means = dict(zip(self._names, (sums[:-1] / sums[-1]).unbind(), strict=True))
        # Derived after averaging: the perplexity of an epoch is exp of its mean loss, not the mean of exp.
        found = {name: derive(means) for name, derive in derived.items()}
        means |= {name: value for name, value in found.items() if value is not None}
        return {name: mean for name, mean in means.items() if not name.startswith("_")}

    def _totals(self, task: LightningModule, sums: Tensor) -> Tensor:
        """Each sum over all devices, followed by the weight: float32 (number of scalars + 1,)."""
        weight = torch.as_tensor(self._weight, dtype=torch.float32, device=task.device)
        # One collective operation for all scalars and the weight.
        return task.trainer.strategy.reduce(torch.cat([sums, weight[None]]), reduce_op="sum")
