"""``debug=batch_size``: measures the training speed at each batch size, and which sizes fit into memory."""

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

from netyard.callbacks.lr_finder import require_loss_shows_progress
from netyard.callbacks.terminate_on_nan import tensors
from netyard.io.markdown import grid
from netyard.plots import figure
from netyard.plots.dashboard import show_plot
from netyard.plots.figure import ACCENT, GREY, colour
from netyard.ranges.bounds import Count

# Of the best rate. Speed levels off as the device fills up, while the steps per epoch keep falling.
RATE_FRACTION = 0.9
MIN_SECONDS = 0.2  # that each size is timed
MAX_STEP_SECONDS = 5.0  # of one step; larger sizes are not tried

log = logging.getLogger(__name__)


class BatchSizeFinder(Callback):
    """Times forward and backward passes on the first batch, repeated to 1, 2, 4, ... samples, and ends the run.

    It suggests the smallest size that reaches 90 % of the best rate. The plot is saved as ``batch_size.png`` in the run
    directory and shown in TensorBoard. Lightning's own finder looks for the largest size that fits; on a machine
    without a GPU the operating system then kills the process. This one stops before free memory runs out.

    Args:
        max_size: the largest batch size to try.

    Raises:
        ConfigError: the task does not learn a batch by one loss; see ``require_loss_shows_progress``.
    """

    def __init__(self, max_size: Count = 4096) -> None:
        self.max_size = max_size
        self.rates: dict[int, float] = {}  # size -> samples per second
        self.memory: dict[int, float] = {}  # size -> bytes more than before the first step
        self.stopped = ""  # why no larger size was tried

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        require_loss_shows_progress(pl_module, "batch_size")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.rates:
            return
        # The measurement must not change the run: weights, gradients, running means and random state are restored.
        before, devices = deepcopy(pl_module.state_dict()), range(torch.cuda.device_count())
        with torch.random.fork_rng(devices=devices):
            self._measure(trainer, pl_module, batch)
        pl_module.load_state_dict(before)
        pl_module.zero_grad(set_to_none=True)
        pl_module.means = type(pl_module.means)()  # empty, as before the first step
        trainer.should_stop = True
        if trainer.is_global_zero:
            # A batch may be nested; its first tensor has the samples as its first dimension.
            self._log(trainer, len(next(tensor for _, tensor in tensors(batch))))

    @property
    def suggestion(self) -> int:
        """The smallest size that reaches ``RATE_FRACTION`` of the best rate."""
        best = max(self.rates.values())
        return min(size for size, rate in self.rates.items() if rate >= RATE_FRACTION * best)

    def _measure(self, trainer: Trainer, task: Any, batch: Any) -> None:
        device = task.device
        baseline = _peak_memory(device)
        for power in range(self.max_size.bit_length()):  # 2**power <= max_size
            size = 2**power
            try:
                step = partial(_step, trainer, task, _repeated(batch, size))
                seconds = _seconds_per_step(step, device)
            except torch.OutOfMemoryError:
                self.stopped = f"{size} did not fit into the device's memory"
                torch.cuda.empty_cache()  # give the memory of the failed step back to the device
                return
            self.rates[size], self.memory[size] = size / seconds, max(_peak_memory(device) - baseline, 0)
            if seconds > MAX_STEP_SECONDS:
                self.stopped = f"a step of {size} samples takes {seconds:.1f} s"
                return
            # Memory grows about linearly with the batch, and on a CPU the system kills a process without an exception.
            if device.type == "cpu" and 2 * self.memory[size] > _free_memory():
                self.stopped = f"{2 * size} might not fit into the free memory"
                return

    def _log(self, trainer: Trainer, current: int) -> None:
        columns = [
            ("data.batch_size", [str(size) for size in self.rates]),
            ("samples per second", [f"{rate:,.0f}" for rate in self.rates.values()]),
            ("MB", [f"{count / 1e6:,.0f}" for count in self.memory.values()]),
        ]
        log.info("%s", grid(columns))
        if self.stopped:
            log.info("batch_size  no larger size was tried: %s", self.stopped)
        log.info(
            "batch_size  try data.batch_size=%d, at 90 %% of the best rate or more; now %d", self.suggestion, current
        )
        log.info("batch_size  the best learning rate depends on the batch size: find it with debug=lr_finder")
        path = Path(trainer.default_root_dir) / "batch_size.png"
        show_plot(trainer, "debug/batch_size", figure.save(path, self._plot))

    def _plot(self, axes: Any) -> None:
        axes.plot(list(self.rates), list(self.rates.values()), marker="o", color=colour(ACCENT))
        axes.axvline(self.suggestion, color=colour(GREY), linestyle="--", label=f"suggested: {self.suggestion}")
        axes.set_xscale("log", base=2)
        axes.set_ylim(bottom=0)
        axes.set(xlabel="batch size", ylabel="samples per second, forward and backward")
        axes.legend()


def _step(trainer: Trainer, task: Any, batch: Any) -> None:
    """One forward and backward pass, without an optimizer step: the weights stay as they are."""
    with trainer.precision_plugin.train_step_context():  # autocast of trainer.precision, as in training
        loss = task.training_step(batch, 0)
    (loss if isinstance(loss, Tensor) else loss["loss"]).backward()
    task.zero_grad(set_to_none=True)


def _seconds_per_step(step: Any, device: torch.device) -> float:
    """Mean over ``MIN_SECONDS`` seconds of steps, after one step that is not counted."""
    step()  # warm-up: allocations, kernel selection
    _synchronize(device)
    steps, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < MIN_SECONDS:
        step()
        steps += 1
        _synchronize(device)
    return passed / steps


def _synchronize(device: torch.device) -> None:
    # CUDA kernels run asynchronously: without this only the time to enqueue them would be measured.
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _repeated(batch: Any, size: int) -> Any:
    """Repeat the samples of a nested batch cyclically, until there are ``size`` of them."""
    if isinstance(batch, Tensor):
        return batch[torch.arange(size, device=batch.device) % len(batch)] if batch.ndim else batch
    if isinstance(batch, Mapping):
        return {key: _repeated(each, size) for key, each in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):  # a named tuple takes its fields one by one
        return type(batch)(*(_repeated(each, size) for each in batch))
    return type(batch)(_repeated(each, size) for each in batch) if isinstance(batch, list | tuple) else batch


def _peak_memory(device: torch.device) -> float:
    """Peak memory so far, in bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # ru_maxrss is in bytes on macOS, in kilobytes elsewhere.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _free_memory() -> float:
    """Free physical memory in bytes; infinite if the system does not report it."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # macOS has no such value
        return float("inf")
