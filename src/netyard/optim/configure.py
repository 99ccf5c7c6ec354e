"""The optimizer and scheduler in Lightning's format: used by every ``configure_optimizers``."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from netyard.errors import ArgumentError
from netyard.optim.parameters import parameter_groups


def configure_optimizer(
    module: nn.Module,
    optimizer: partial[Optimizer],
    scheduler: Callable[[Optimizer, float], LRScheduler],
    total_steps: float,
    monitor: str,
    *,
    name: str = "lr",
) -> dict[str, Any]:
    """The optimizer of a net and its schedule, in Lightning's format.

    ``total_steps`` counts optimizer steps (``trainer.estimated_stepping_batches``). A plateau schedule, which reads
    ``monitor``, is stepped by the task: Lightning would do it after the epoch is saved, and not at all in one that was
    resumed. ``name`` is the tag the lr is logged under, one for every optimizer so that different runs share a plot.

    Raises:
        ArgumentError: a setting that the optimizer or the schedule refuses; a run without a known end.
    """
    built = _build(module, optimizer)
    schedule = scheduler(built, total_steps)
    config: dict[str, Any] = {"scheduler": schedule, "interval": "step", "frequency": 1, "name": name}
    if isinstance(schedule, ReduceLROnPlateau):
        config |= {"interval": "epoch", "frequency": sys.maxsize, "monitor": monitor}
    return {"optimizer": built, "lr_scheduler": config}


def _build(module: nn.Module, optimizer: partial[Optimizer]) -> Optimizer:
    settings = inspect.signature(optimizer.func).parameters
    lr = optimizer.keywords.get("lr", 0.0)
    if not (isinstance(lr, int | float) and math.isfinite(lr) and lr >= 0):  # torch lets nan and inf through
        raise ArgumentError(
            f"lr is {lr};",
            "it must be a finite number, at least 0;",
            "try optimizer.lr=0.001.",
        )

    # Without a setting torch's default applies, which is 0.01 for AdamW.
    default = settings["weight_decay"].default if "weight_decay" in settings else 0.0
    weight_decay = optimizer.keywords.get("weight_decay", default)
    grouping = getattr(optimizer.func, "parameter_groups", parameter_groups)
    try:
        return optimizer(grouping(module, weight_decay))
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value}" for key, value in optimizer.keywords.items())
        raise ArgumentError(
            f"{optimizer.func.__name__} refuses {given} ({error});",
            f"it takes {', '.join(list(settings)[1:])} in the ranges torch documents;",
            "try the values of its file in conf/optimizer.",
        ) from error
