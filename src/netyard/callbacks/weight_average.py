"""Validates, tests and saves an exponential moving average of the weights instead of the weights themselves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.metrics.moving_average import decay_at
from netyard.ranges.bounds import Count, Index, Part
from netyard.ranges.signature import check

log = logging.getLogger(__name__)


def _check_device(device: str | None) -> None:
    try:
        torch.device(device or "cpu")
    except RuntimeError:  # torch lists the names of all devices that it was ever written for
        raise ArgumentError(
            f"callbacks.ema.device is {device!r};",
            "it must be the name of a device, or null for that of the weights;",
            "try callbacks.ema.device=cpu.",
        ) from None


class WeightAverage(WeightAveraging):
    """Keeps ``decay * average + (1 - decay) * weights`` of parameters and buffers (Polyak & Juditsky 1992).

    The first update copies the weights. With ``warmup`` the decay of a later one, after n updates, is
    ``min(decay, (1 + n) / (10 + n))``, so that the weights of the first steps are soon forgotten; without it they make
    up ``decay ** n`` of the average. A resumed average keeps the rule it was started with, which the checkpoint holds;
    checkpoints without it are of versions that had no warm-up.

    Args:
        decay: below 1, at which the average would never change.
        warmup: see above.
        update_every_n_steps: optimizer steps between two updates.
        update_starting_at_step: no update before this step.
        update_starting_at_epoch: an update also after each epoch from this one on.
        device: where the average is kept; None: on the device of the weights.
        use_buffers: whether buffers are averaged; otherwise they are copied.

    Raises:
        ArgumentError: a value is out of its range.
    """

    def __init__(
        self,
        decay: Part = 0.999,
        warmup: bool = True,
        update_every_n_steps: Count = 1,
        update_starting_at_step: Index | None = None,
        update_starting_at_epoch: Index | None = None,
        device: str | None = None,
        use_buffers: bool = True,
    ) -> None:
        check(WeightAverage, locals(), "callbacks.ema")
        _check_device(device)
        super().__init__(device=device, use_buffers=use_buffers, multi_avg_fn=self._average)
        self.decay, self.warmup = decay, warmup
        self.update_every_n_steps = update_every_n_steps
        self.update_starting_at_step, self.update_starting_at_epoch = update_starting_at_step, update_starting_at_epoch

    @property
    def state_key(self) -> str:
        """The name of the state in a checkpoint: that of Lightning's class, which earlier runs used."""
        return "EMAWeightAveraging"

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Whether to update after a step or an epoch, by its number from 0."""
        if step_idx is not None:
            return step_idx >= (self.update_starting_at_step or 0) and step_idx % self.update_every_n_steps == 0
        first = self.update_starting_at_epoch
        return epoch_idx is not None and first is not None and epoch_idx >= first

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "warmup": self.warmup}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        begun = bool(state_dict.get("warmup", False))
        if begun != self.warmup:
            log.info("the average of the weights goes on %s a warm-up, as it was begun", "with" if begun else "without")
        self.warmup = begun

    @torch.no_grad()
    def _average(self, averages: Sequence[Tensor], weights: Sequence[Tensor], updates: Tensor | int) -> None:
        """Update averages of one device and dtype in place."""
        # The number of updates is in the checkpoint: a resumed run goes on with the same decay, to the bit.
        decay = decay_at(int(updates), self.decay, self.warmup)
        for average, current in zip(averages, weights, strict=True):
            # Integers, such as the number of batches that batch norm has seen, are counts and no averages.
            if self.warmup and not (average.is_floating_point() or average.is_complex()):
                average.copy_(current)
            else:
                average.copy_(decay * average + (1 - decay) * current)
