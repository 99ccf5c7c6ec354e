"""The base class of all tasks: a net with its optimizer, random numbers, and the mean metrics of an epoch."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from lightning import LightningModule
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from netyard.losses.plain import plain
from netyard.metrics import validation_times
from netyard.metrics.running_mean import RunningMean
from netyard.optim import configure_optimizer

_CPU = torch.device("cpu")


class Learner(LightningModule):
    """Base class: a subclass implements the steps, and adds each batch to ``means``, which are logged at epoch end.

    Args:
        net: the network.
        loss: the training objective.
        optimizer: a partial of a torch.optim class; called with the parameters.
        scheduler: called with the optimizer and the total number of steps.
        monitor: the metric by which the best epoch is chosen.
        mode: whether a larger (``max``) or a smaller (``min``) value of it is better.
    """

    loss_shows_progress = True
    """Whether a smaller training loss means a better network; false for adversarial losses and moving targets."""

    compilable = False
    """Whether ``torch.compile`` may be applied: a step calls the whole net by ``forward``, with one backward pass."""

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
        self.schedule_steps: float | None = None  # of a resumed run that keeps the length its schedules had
        self._of_a_test: dict[str, nn.Module] = {}  # see ``criteria``
        self._planned_steps: float | None = None
        self._new_score: float | None = None  # of a validation, until a plateau schedule is stepped by it
        # Stored now: on_train_batch_start seeds torch again, and ``initial_seed`` would then return that seed.
        self._seed = torch.initial_seed()

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The trained networks by the name of their curves; several if each has its own loss."""
        return {"": self.net}

    @property
    def criteria(self) -> dict[str, nn.Module]:
        """The losses that a step logs, by name; the first is ``loss``.

        In a test ``loss`` is the plain one, without class weights and label smoothing, so that runs trained with
        different ones can be compared; if that is another than the trained one, this is logged as ``training_loss``.
        """
        return self._of_a_test or {"loss": self.loss}

    def log(self, name: str, *args: Any, **settings: Any) -> None:
        """Like Lightning's, except that training metrics are written by the callback ``metrics_logger``.

        It writes them before the checkpoint is saved; Lightning would do so afterwards, and a run resumed from that
        checkpoint would miss a point of the curve.
        """
        if name.startswith("train/"):
            settings["logger"] = False
        super().log(name, *args, **settings)

    def log_means(self, stage: str) -> None:
        """Log the epoch's means, and metrics that a task derives from them, as ``stage/name``."""
        self.means.log(self, stage)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the global generators by the batch's position in the run.

        Dropout and augmentation are then the same after a resume, whatever else used random numbers in between.
        """
        seed = self._seed_at(self.trainer.fit_loop.epoch_loop.batch_progress.total.processed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # NumPy's legacy generator takes 32 bits
        self._step_plateau()  # after a validation within the epoch
        # Not torch.manual_seed, which seeds every type of device, and takes 50 times as long.
        torch.default_generator.manual_seed(seed)
        if self.device != _CPU:
            torch.get_device_module(self.device).manual_seed(seed)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        # Not in on_train_epoch_end, which Lightning calls after the callbacks have read the metrics.
        if self.trainer.is_last_batch:
            self.log_means("train")

    def log_cut_epoch(self) -> None:
        """Log the means of an epoch that ends before its last batch; a resumed run goes on with the same sums."""
        means = copy.copy(self.means)
        self.log_means("train")
        self.means = means

    def on_train_epoch_end(self) -> None:
        self._step_plateau()

    def _step_plateau(self) -> None:
        """Step a plateau schedule once after each validation that is due.

        An epoch without a new score would count as one without improvement. Lightning would step it after the
        checkpoint is saved, and not at all in a resumed epoch; see ``optim.configure``.
        """
        if self._new_score is None:
            return
        score, self._new_score = self._new_score, None
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(score)

    def on_validation_start(self) -> None:
        # Validation may run in the middle of a training epoch (val_check_interval), whose sums must be kept.
        self._training_means, self.means = self.means, RunningMean()

    def on_validation_epoch_end(self) -> None:
        self.log_means("val")
        self.means = self._training_means

    def on_validation_end(self) -> None:
        trainer = self.trainer
        fits = trainer.state.fn == "fit" and not trainer.sanity_checking
        if fits and isinstance(self.lr_schedulers(), ReduceLROnPlateau) and validation_times.is_due(trainer):
            self._new_score = float(trainer.callback_metrics[self.monitor])

    def on_test_start(self) -> None:
        self.means = RunningMean()
        # Now, not when the task is built: the trained loss is on its device. A dict, so that no weights of it are
        # saved twice.
        if (without := plain(self.loss)) is not None:
            self._of_a_test = {"loss": without, "training_loss": self.loss}

    def on_test_epoch_end(self) -> None:
        self.log_means("test")
        self._of_a_test = {}

    def random_at(self, *position: int, device: torch.device | str = "cpu") -> torch.Generator:
        """Return a generator seeded by the run's seed, the process rank and a position such as (epoch, batch).

        A resumed run gets the same numbers, without any generator state in the checkpoint. From a generator on the
        CPU the numbers are the same whatever device is used.
        """
        return torch.Generator(device).manual_seed(self._seed_at(*position))

    def _seed_at(self, *position: int) -> int:
        # A polynomial hash with a prime base: nearby positions get different seeds. The rank is part of it, so that
        # processes, which see different samples, do not share their noise. torch takes seeds below 2**64.
        seed = 0
        for number in (self._seed, *position, self.global_rank):
            seed = (seed * 1_000_003 + number) % 2**63
        return seed

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the running means if the checkpoint is written in the middle of an epoch."""
        if state := self.means.state(self):
            checkpoint["means"] = state
        if self._new_score is not None:
            checkpoint["new_score"] = self._new_score
        if self._planned_steps is not None:
            checkpoint["schedule_steps"] = self._planned_steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # The saved sums are over all devices, so only one device may continue from them.
        self.means = RunningMean(checkpoint.get("means"), is_first_rank=self.global_rank == 0)
        self._new_score = checkpoint.get("new_score")

    def schedule(self, optimizer: torch.optim.Optimizer, total_steps: float) -> Any:
        """Return the learning rate schedule; a task with several learning rates overrides this to set them."""
        return self.scheduler(optimizer, total_steps)

    def planned_steps(self, steps: float) -> float:
        """Return the length of the run that schedules are for: ``steps``, unless a resumed run keeps another."""
        self._planned_steps = self.schedule_steps or steps
        return self._planned_steps

    def configure_optimizers(self) -> dict[str, Any]:
        return configure_optimizer(
            self.net,
            self.optimizer,
            self.schedule,
            total_steps=self.planned_steps(self.trainer.estimated_stepping_batches),
            monitor=self.monitor,
        )
