"""``debug=batch_size``: the training speed at each batch size, and which sizes fit into memory."""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.callbacks.lr_finder import require_telling_loss
from netyard.callbacks.terminate_on_nan import tensors
from netyard.io.markdown import grid
from netyard.plots import figure
from netyard.plots.dashboard import show_plot
from netyard.plots.figure import ACCENT, SOFT, colour
from netyard.ranges.bounds import Count

ENOUGH = 0.9  # of the best rate: a larger batch is not worth its fewer steps
AT_LEAST = 0.2  # seconds a size is timed
TOO_LONG = 5.0  # seconds of one step

log = logging.getLogger(__name__)


class BatchSizeFinder(Callback):
    """Times forward and backward passes on the first batch, repeated to 1, 2, 4, ... samples, and ends the run.

    It suggests the smallest size with nine tenths of the best rate. The plot is ``batch_size.png`` in the run's
    directory, and in the dashboard. Lightning's own finder looks for the largest that fits, which on a machine without
    a GPU ends with the system killing it; this one stops before free memory runs out.

    Args:
        max_size: the largest batch that is tried.

    Raises:
        ConfigError: the task does not learn a batch by one loss; see ``require_telling_loss``.
    """

    def __init__(self, max_size: Count = 4096) -> None:
        self.max_size = max_size
        self.rates: dict[int, float] = {}  # size -> samples a second
        self.memory: dict[int, float] = {}  # size -> bytes beyond those before the first step
        self.stopped = ""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        require_telling_loss(pl_module, "batch_size")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.rates:
            return
        # The measurement must leave no trace: weights, gradients, running means and random numbers are restored.
        before, devices = deepcopy(pl_module.state_dict()), range(torch.cuda.device_count())
        with torch.random.fork_rng(devices=devices):
            self._measure(trainer, pl_module, batch)
        pl_module.load_state_dict(before)
        pl_module.zero_grad(set_to_none=True)
        pl_module.means = type(pl_module.means)()
        trainer.should_stop = True
        if trainer.is_global_zero:
            self._log(trainer, len(next(each for _, each in tensors(batch))))

    @property
    def suggestion(self) -> int:
        best = max(self.rates.values())
        return min(size for size, rate in self.rates.items() if rate >= ENOUGH * best)

    def _measure(self, trainer: Trainer, task: Any, batch: Any) -> None:
        device = task.device
        baseline = _taken(device)
        for power in range(self.max_size.bit_length()):
            size = 2**power
            try:
                step = partial(_step, trainer, task, _repeated(batch, size))
                seconds = _timed(step, device)
            except torch.OutOfMemoryError:
                self.stopped = f"{size} did not fit into the device's memory"
                torch.cuda.empty_cache()
                return
            self.rates[size], self.memory[size] = size / seconds, max(_taken(device) - baseline, 0)
            if seconds > TOO_LONG:
                self.stopped = f"a step of {size} takes {seconds:.1f} s"
                return
            if device.type == "cpu" and 2 * self.memory[size] > _free():
                self.stopped = f"{2 * size} might not fit into the memory that is free"
                return

    def _log(self, trainer: Trainer, given: int) -> None:
        columns = [
            ("data.batch_size", [str(size) for size in self.rates]),
            ("samples a second", [f"{rate:,.0f}" for rate in self.rates.values()]),
            ("MB", [f"{count / 1e6:,.0f}" for count in self.memory.values()]),
        ]
        log.info("%s", grid(columns))
        if self.stopped:
            log.info("batch_size  no larger one: %s", self.stopped)
        log.info("batch_size  try data.batch_size=%d, nine tenths of the best rate; now %d", self.suggestion, given)
        log.info("batch_size  another size wants another learning rate: debug=lr_finder")
        path = Path(trainer.default_root_dir) / "batch_size.png"
        show_plot(trainer, "debug/batch_size", figure.save(path, self._paint))

    def _paint(self, axes: Any) -> None:
        axes.plot(list(self.rates), list(self.rates.values()), marker="o", color=colour(ACCENT))
        axes.axvline(self.suggestion, color=colour(SOFT), linestyle="--", label=f"suggested: {self.suggestion}")
        axes.set_xscale("log", base=2)
        axes.set_ylim(bottom=0)
        axes.set(xlabel="batch size", ylabel="samples a second, forward and backward")
        axes.legend()


def _step(trainer: Trainer, task: Any, batch: Any) -> None:
    with trainer.precision_plugin.train_step_context():
        loss = task.training_step(batch, 0)
    (loss if isinstance(loss, Tensor) else loss["loss"]).backward()
    task.zero_grad(set_to_none=True)


def _timed(step: Any, device: torch.device) -> float:
    """Mean seconds of a step, over ``AT_LEAST`` seconds; the first step, which warms up, is not counted."""
    step()
    _wait(device)
    steps, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < AT_LEAST:
        step()
        steps += 1
        _wait(device)
    return passed / steps


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _repeated(batch: Any, size: int) -> Any:
    """The batch's samples again and again, until there are ``size`` of them."""
    if isinstance(batch, Tensor):
        return batch[torch.arange(size, device=batch.device) % len(batch)] if batch.ndim else batch
    if isinstance(batch, Mapping):
        return {key: _repeated(each, size) for key, each in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(_repeated(each, size) for each in batch))
    return type(batch)(_repeated(each, size) for each in batch) if isinstance(batch, list | tuple) else batch


def _taken(device: torch.device) -> float:
    """Peak memory so far, in bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # ru_maxrss is in bytes on macOS, in kilobytes elsewhere.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _free() -> float:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # macOS has no such value
        return float("inf")
