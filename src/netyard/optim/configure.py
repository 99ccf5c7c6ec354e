"""Build optimizer and scheduler in Lightning's format, for ``configure_optimizers`` of all tasks."""

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
    """Return the optimizer of a network and its schedule in Lightning's format.

    ``total_steps`` is the number of optimizer steps (``trainer.estimated_stepping_batches``). A plateau schedule, which
    reads ``monitor``, is stepped by the task: Lightning would step it after the checkpoint of the epoch is written, and
    not at all in a resumed epoch. The lr is logged as ``name``, the same for all optimizers, so that different runs
    share a plot.

    Raises:
        ArgumentError: a value that the optimizer or the schedule does not accept; a run without a known end.
    """
    built = _build(module, optimizer)
    schedule = scheduler(built, total_steps)
    config: dict[str, Any] = {"scheduler": schedule, "interval": "step", "frequency": 1, "name": name}
    if isinstance(schedule, ReduceLROnPlateau):
        # A frequency that no run reaches: Lightning itself never steps it.
        config |= {"interval": "epoch", "frequency": sys.maxsize, "monitor": monitor}
    return {"optimizer": built, "lr_scheduler": config}


def _build(module: nn.Module, optimizer: partial[Optimizer]) -> Optimizer:
    settings = inspect.signature(optimizer.func).parameters
    lr = optimizer.keywords.get("lr", 0.0)
    # Torch's own check is `lr < 0`, which NaN and infinity pass.
    if not (isinstance(lr, int | float) and math.isfinite(lr) and lr >= 0):
        raise ArgumentError(
            f"lr is {lr};",
            "it must be a finite number, at least 0;",
            "try optimizer.lr=0.001.",
        )

    # If the config has no weight_decay, the optimizer's own default applies, which is 0.01 for AdamW.
    default = settings["weight_decay"].default if "weight_decay" in settings else 0.0
    weight_decay = optimizer.keywords.get("weight_decay", default)
    # An optimizer with a rule of its own (MuonAdamW) has it as an attribute.
    grouping = getattr(optimizer.func, "parameter_groups", parameter_groups)
    try:
        return optimizer(grouping(module, weight_decay))
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value}" for key, value in optimizer.keywords.items())
        raise ArgumentError(
            f"{optimizer.func.__name__} does not accept {given} ({error});",
            f"it takes {', '.join(list(settings)[1:])} in the ranges torch documents;",
            "try the values of its file in conf/optimizer.",
        ) from error
