"""The base of all tasks: a net with its optimizer, random numbers, and the means of an epoch."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from lightning import LightningModule
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from netyard.metrics.running_mean import RunningMean
from netyard.optim import configure_optimizer

_CPU = torch.device("cpu")


class Learner(LightningModule):
    """A subclass implements the steps and adds each batch to ``means``, which are logged for every stage.

    Args:
        net: the network.
        loss: the function that training minimises.
        optimizer: a class of torch.optim with its settings; called with the parameters.
        scheduler: called with the optimizer and the run's total steps.
        monitor: the metric that decides which epoch is best.
        mode: ``max`` or ``min``, which direction of it is better.
    """

    loss_shows_progress = True
    """Whether a smaller training loss means a better network; not so for adversarial losses and moving targets."""

    compilable = False
    """Whether a step calls the net as a whole, and takes a gradient of it once: then it may be compiled."""

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        monitor: str,
        mode: Literal["min", "max"],
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.optimizer, self.scheduler = optimizer, scheduler
        self.monitor, self.mode = monitor, mode
        self.means = RunningMean()
        self._seed = torch.initial_seed()  # the run's, which is set before the task is built

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The trained networks by the names of their curves; several if each has its own loss."""
        return {"": self.net}

    def log(self, name: str, *args: Any, **settings: Any) -> None:
        """As Lightning's, but training metrics are left to ``metrics_logger``, which logs them before the save."""
        if name.startswith("train/"):
            settings["logger"] = False
        super().log(name, *args, **settings)

    def log_means(self, stage: str) -> None:
        """Log the epoch's means, and what a task derives from them, as ``stage/name``."""
        self.means.log(self, stage)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the generators for each batch: dropout is the same after a resume, whatever else drew numbers."""
        seed = self._seed_at(self.trainer.fit_loop.epoch_loop.batch_progress.total.processed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(
            seed
        )  # torch.manual_seed seeds every kind of device, which takes 50 times as long
        if self.device != _CPU:
            torch.get_device_module(self.device).manual_seed(seed)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        # Not in on_train_epoch_end, which comes after the callbacks have read the metrics.
        if self.trainer.is_last_batch or self.trainer.should_stop:
            self.log_means("train")

    def on_train_epoch_end(self) -> None:
        schedule, every = self.lr_schedulers(), self.trainer.check_val_every_n_epoch or 1
        # Without a new score between validations, each epoch would count against the patience.
        if isinstance(schedule, ReduceLROnPlateau) and (self.current_epoch + 1) % every == 0:
            schedule.step(self.trainer.callback_metrics[self.monitor])

    def on_validation_start(self) -> None:
        # Validation may come in the middle of a training epoch, whose sums must be kept.
        self._training_means, self.means = self.means, RunningMean()

    def on_validation_epoch_end(self) -> None:
        self.log_means("val")
        self.means = self._training_means

    def on_test_start(self) -> None:
        self.means = RunningMean()

    def on_test_epoch_end(self) -> None:
        self.log_means("test")

    def random_at(self, *position: int, device: torch.device | str = "cpu") -> torch.Generator:
        """A generator seeded by the run's seed, the process and a position such as (epoch, batch).

        A resumed run draws the same numbers. Drawn on the CPU they are the same on every device.
        """
        return torch.Generator(device).manual_seed(self._seed_at(*position))

    def _seed_at(self, *position: int) -> int:
        seed = 0
        for number in (self._seed, *position, self.global_rank):
            seed = (seed * 1_000_003 + number) % 2**63
        return seed

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch: saves its running means."""
        if state := self.means.state(self):
            checkpoint["means"] = state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.means = RunningMean(checkpoint.get("means"), is_first_rank=self.global_rank == 0)

    def schedule(self, optimizer: torch.optim.Optimizer, total_steps: float) -> Any:
        """The learning rate schedule; a task with several learning rates overrides it to set them."""
        return self.scheduler(optimizer, total_steps)

    def configure_optimizers(self) -> dict[str, Any]:
        return configure_optimizer(
            self.net,
            self.optimizer,
            self.schedule,
            total_steps=self.trainer.estimated_stepping_batches,
            monitor=self.monitor,
        )
