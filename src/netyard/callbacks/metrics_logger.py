"""Logs learning rate, step loss, speed and norms to TensorBoard, and one row per epoch to ``metrics.csv``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import FSDPStrategy
from torch import Tensor
from torch.optim import Optimizer

from netyard.callbacks.attach import RunFacts
from netyard.callbacks.gradient_norms import gradient_norms, weight_norms
from netyard.callbacks.tensorboard_layout import layout
from netyard.metrics import validation_times
from netyard.ranges.bounds import Count


class Curves(Callback):
    """Logs step values every ``trainer.log_every_n_steps`` steps, and each epoch as one row of ``metrics.csv``.

    Every curve has the optimizer step as its x axis and the same tag in every run: ``lr``, that of the step itself,
    ``train/loss_step``, ``train/samples_per_second``. The speed is of all devices, without validation and checkpoints.

    Norms of gradients and weights are logged every ``norms_every_n_steps`` steps and at the end of every epoch, for
    each part of the task with its own loss: ``train/gradient_norm``, before clipping (of an agent: of its last update,
    after clipping), and ``train/weight_norm``. Networks sharded by FSDP have none.

    TensorBoard's page of custom scalars shows training and validation of each metric in one chart.

    Args:
        norms_every_n_steps: None logs no norms.
    """

    def __init__(self, norms_every_n_steps: Count | None = 200) -> None:
        self.norms_every_n_steps = norms_every_n_steps
        self._write_row: Callable[[Mapping[str, Any]], None] | None = None
        self.samples, self.seconds = 0, 0.0
        self._epoch_samples, self._epoch_seconds, self._started = 0, 0.0, 0.0
        self._logged_step, self._normed_step = 0, 0
        self._gradients: dict[str, Tensor] | None = None
        self._charted: set[str] = set()  # metrics that have a chart on the page of custom scalars
        self._validated = False  # whether this epoch had a validation
        self._used_lr: float | None = None  # learning rate of the newest step; None before the first
        self._lr_step = -1  # the last step at which it was logged
        self._scores: dict[str, float] = {}  # of its last one that was due, which a resumed run does not repeat

    def attach(self, run: RunFacts) -> None:
        self._write_row = run.run_dir.append_metrics

    @property
    def samples_per_second(self) -> float:
        """Training speed over the whole run, without validation; 0 before the end of the first epoch."""
        return self.samples / self.seconds if self.seconds else 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that resumes in the middle of an epoch gets no on_train_epoch_start for it, so the clock starts here.
        self._logged_step = self._normed_step = trainer.global_step
        trainer.callback_metrics.update(
            {name: torch.tensor(value, dtype=torch.float64) for name, value in self._scores.items()}
        )
        if isinstance(trainer.strategy, FSDPStrategy):
            self.norms_every_n_steps = None  # each rank holds only its shard of every parameter
        self._start_clock()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated, self._scores = False, {}
        self._start_clock()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # After the step, when it is logged, a schedule has already set the learning rate of the next one.
        self._used_lr = _lr(trainer)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        # The last hook before Lightning clips the gradients; this step is not yet counted in global_step.
        if trainer.gradient_clip_val and self._norms_are_due(trainer, trainer.global_step + 1):
            self._gradients = gradient_norms(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._epoch_samples += len(batch[0])
        step = trainer.global_step
        # A batch of an agent is many steps and may jump over a multiple of log_every_n_steps: compare the quotients.
        # With accumulated gradients several batches have the same step, which is logged once.
        every = trainer.log_every_n_steps
        if trainer.logger is not None and every and step // every != self._logged_step // every:
            self._logged_step = self._lr_step = step
            loss = float(outputs["loss"]) * trainer.accumulate_grad_batches  # Lightning has divided it by that
            trainer.logger.log_metrics({"lr": self._lr(trainer), "train/loss_step": loss}, step)
        if self._norms_are_due(trainer, step):
            self._log_norms(trainer, pl_module, step)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = not trainer.sanity_checking
        if trainer.state.fn == "fit" and self._validated and validation_times.is_due(trainer):
            metrics = trainer.callback_metrics.items()
            self._scores = {name: float(value) for name, value in metrics if name.startswith("val/")}
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()
        samples = self._epoch_samples * trainer.world_size
        self.samples, self.seconds = self.samples + samples, self.seconds + self._epoch_seconds
        rate = samples / self._epoch_seconds if self._epoch_seconds else 0.0
        if trainer.logger is not None:
            measured = {"train/samples_per_second": rate, **_epoch_training_metrics(trainer)}
            if self._lr_step != trainer.global_step:
                self._lr_step, measured["lr"] = trainer.global_step, self._lr(trainer)
            trainer.logger.log_metrics(measured, trainer.global_step)
            self._update_charts(trainer)
        if self._write_row is not None and trainer.is_global_zero:
            # callback_metrics keeps values of an earlier epoch's validation, which must not appear as this epoch's.
            metrics = {
                name: f"{float(value):.6g}"
                for name, value in sorted(trainer.callback_metrics.items())
                if self._validated or not name.startswith("val/")
            }
            self._write_row(
                {
                    "epoch": trainer.current_epoch,
                    "step": trainer.global_step,
                    "lr": f"{self._lr(trainer):.6g}",
                    **metrics,
                }
            )

    def state_dict(self) -> dict[str, Any]:
        return {
            "validated": bool(self._scores),
            "scores": self._scores,
            "lr": self._used_lr,
            "lr_step": self._lr_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Earlier versions had no more than the first.
        self._validated, self._scores = state_dict["validated"], state_dict.get("scores", {})
        self._used_lr, self._lr_step = state_dict.get("lr"), state_dict.get("lr_step", -1)

    def _lr(self, trainer: Trainer) -> float:
        return _lr(trainer) if self._used_lr is None else self._used_lr

    def _norms_are_due(self, trainer: Trainer, step: int) -> bool:
        every = self.norms_every_n_steps
        # step == _normed_step: batches of the same step, while gradients are accumulated.
        if every is None or trainer.logger is None or step == self._normed_step:
            return False
        return trainer.is_last_batch or step == trainer.max_steps or step // every != self._normed_step // every

    def _log_norms(self, trainer: Trainer, task: Any, step: int) -> None:
        self._normed_step = step
        # With clipping, the gradient norms were taken before the step; without, the gradients are still there.
        norms = {**(self._gradients or gradient_norms(task)), **weight_norms(task)}
        self._gradients = None
        if norms and trainer.logger is not None:
            values = torch.stack([each.float() for each in norms.values()]).tolist()  # waits for the device once
            trainer.logger.log_metrics(
                {f"train/{name}": value for name, value in zip(norms, values, strict=True)}, step
            )

    def _update_charts(self, trainer: Trainer) -> None:
        """Write the layout of the page of custom scalars again if there are new metrics."""
        board: Any = getattr(trainer.logger, "experiment", None)
        names = {*trainer.callback_metrics}
        if hasattr(board, "add_custom_scalars") and not names <= self._charted:
            self._charted |= names
            separate = getattr(trainer.logger, "separates_training", False)
            board.add_custom_scalars(layout(self._charted, "training" if separate else "train"))

    def _start_clock(self) -> None:
        self._epoch_samples, self._epoch_seconds, self._started = 0, 0.0, time.perf_counter()

    def _stop_clock(self) -> None:
        self._epoch_seconds += time.perf_counter() - self._started
        self._started = time.perf_counter()


def _epoch_training_metrics(trainer: Trainer) -> dict[str, float]:
    """Training metrics of the epoch, without those that Lightning logs itself."""
    metrics = trainer.callback_metrics.items()
    logged = trainer.logged_metrics
    return {name: float(value) for name, value in metrics if name.startswith("train/") and name not in logged}


def _lr(trainer: Trainer) -> float:
    """Learning rate of the first parameter group; the others have a constant ratio to it."""
    return float(trainer.optimizers[0].param_groups[0]["lr"])
