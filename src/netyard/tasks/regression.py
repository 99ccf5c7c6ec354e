"""Supervised regression: real numbers for each sample, trained on standardised targets, measured in their own units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from netyard.losses.penalties import l1_penalty
from netyard.losses.probe import check_regression_loss
from netyard.optim.parameters import regularised_parameters
from netyard.ranges.bounds import Count, NotNegative
from netyard.ranges.signature import check
from netyard.tasks.learner import Learner
from netyard.tasks.signature import ExportSignature, Score, TensorSpec


class Regressor(Protocol):
    """The interface of the net: one number for each target, (B, num_outputs)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Regression(Learner):
    """Train ``net(x) -> (B, num_outputs)`` on batches ``(x, y)``, y (B, num_outputs) in the targets' own units.

    The net predicts targets standardised by the statistics of the training split, which are saved with the weights;
    ``loss`` is on that scale, ``mae`` and ``rmse`` are in the targets' units. After a test, ``predicted`` and ``true``
    are (N, num_outputs) each, kept for plots.

    Args:
        net: see ``Regressor``.
        loss: of prediction and target, both (B, num_outputs), averaged over the batch.
        num_outputs: the number of targets of a sample.
        optimizer, scheduler, monitor, mode: see ``Learner``.
        l1: weight of the sum of absolute weights added to the training loss (Lasso; Tibshirani 1996).

    Raises:
        ArgumentError: the loss does not take predictions and targets; a value is out of its range.
    """

    target_mean: Tensor
    target_std: Tensor

    compilable = True

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        l1: NotNegative = 0.0,
    ) -> None:
        check(Regression, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_regression_loss(loss, num_outputs)
        self.num_outputs = num_outputs
        self.l1 = l1
        # Buffers, so that a checkpoint alone can predict in the targets' own units; set when training starts.
        self.register_buffer("target_mean", torch.zeros(num_outputs))
        self.register_buffer("target_std", torch.ones(num_outputs))
        self.predicted: Tensor | None = None
        self.true: Tensor | None = None
        self._tested: list[tuple[Tensor, Tensor]] = []

    def on_fit_start(self) -> None:
        mean, std = self.trainer.datamodule.target_statistics()  # (num_outputs,) each
        self.target_mean.copy_(mean)
        self.target_std.copy_(std)

    def forward(self, x: Tensor) -> Tensor:
        """Return predictions (B, num_outputs) in the targets' own units."""
        return self.net(x) * self.target_std + self.target_mean

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss, _ = self._step(batch)
        # Added after the loss was logged: train/loss and val/loss are the same quantity, with and without penalty.
        if self.l1:
            loss = loss + self.l1 * l1_penalty(regularised_parameters(self.net))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._step(batch)

    def on_test_start(self) -> None:
        super().on_test_start()
        self._tested = []

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        # All of them are kept: plots and confidence intervals need each pair of prediction and target.
        _, predicted = self._step(batch)
        self._tested.append((predicted, batch[1]))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.predicted, self.true = (torch.cat(parts).cpu() for parts in zip(*self._tested, strict=True))

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        return self(batch if isinstance(batch, Tensor) else batch[0])

    def export_signature(self) -> ExportSignature:
        """Return the signature of the predictions, in the targets' own units."""
        value = TensorSpec("value", f"(batch, {self.num_outputs}), in the targets' own units")
        score = Score("mae", lambda made, x, y: (made["value"] - y).abs().mean(dim=1))
        return ExportSignature(self, self.forward, [TensorSpec("input", "a sample")], [value], score=score)

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """Return the columns of the prediction table: the value of each target, in its own units."""
        predicted = self.predict_step(x, 0).float()
        numbers = [""] if self.num_outputs == 1 else [f"_{number}" for number in range(1, self.num_outputs + 1)]
        return {f"prediction{number}": each.tolist() for number, each in zip(numbers, predicted.T, strict=True)}

    def _step(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss on the standard scale, and the prediction (B, num_outputs) in the targets' units."""
        x, y = batch
        output = self.net(x)  # (B, num_outputs), standardised
        # The targets are standardised, not the outputs rescaled: a loss in own units would weigh targets with a large
        # unit more, and the best learning rate would depend on the unit.
        loss = self.loss(output, (y - self.target_mean) / self.target_std)
        # No graph for metrics that are only logged.
        predicted = output.detach() * self.target_std + self.target_mean
        error = predicted - y
        self.means.add(len(x), loss=loss, mae=error.abs().mean(), mse=error.square().mean())
        return loss, predicted

    def log_means(self, stage: str) -> None:
        """Log RMSE as the root of the epoch's mean squared error; the mean of the batches' roots would differ."""
        self.means.log(self, stage, rmse=lambda means: means["mse"].sqrt())
