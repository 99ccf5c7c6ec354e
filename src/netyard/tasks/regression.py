"""Supervised regression: real numbers for each sample, trained on standardised targets, measured in their own units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from netyard.errors import DataError
from netyard.losses.penalties import l1_penalty
from netyard.losses.probe import check_regression_loss
from netyard.metrics.output_names import metric_name, target_suffixes
from netyard.optim.parameters import regularised_parameters
from netyard.ranges.bounds import Count, NotNegative
from netyard.ranges.signature import check
from netyard.tasks.interfaces import target_names
from netyard.tasks.learner import Learner
from netyard.tasks.parts.readers import check_reader
from netyard.tasks.signature import ExportSignature, Score, TensorSpec

_NO_SPREAD = 1e-6  # of standardised targets in float32: what rounding makes of a constant one


class Regressor(Protocol):
    """The interface of the net: one number for each target, (B, num_outputs)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Regression(Learner):
    """Train ``net(x) -> (B, num_outputs)`` on batches ``(x, y)``, y (B, num_outputs) in the targets' own units.

    The net predicts targets standardised by the statistics of the training split, which are saved with the weights;
    ``loss`` is on that scale, ``mae`` and ``rmse`` are in the targets' units, of several also each target's own;
    ``r2`` is 1 for a perfect prediction and 0 for that of the mean. After a test, ``predicted`` and ``true`` are
    (N, num_outputs) each, kept for plots.

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
    baseline_kind = "numbers"
    MOST_NAMED = 20
    """Targets whose own errors are logged."""

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
        check_reader(net, "regression")
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
        """Return the columns of the prediction table: the value of each target, in its own units.

        ``labels`` are the names of the targets; of several without names they are numbered from 1.
        """
        predicted = self.predict_step(x, 0).float()
        suffixes = target_suffixes(self.num_outputs, labels)
        return {f"prediction{suffix}": each.tolist() for suffix, each in zip(suffixes, predicted.T, strict=True)}

    def _step(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss on the standard scale, and the prediction (B, num_outputs) in the targets' units."""
        x, y = batch
        output = self.net(x)  # (B, num_outputs), standardised
        # The targets are standardised, not the outputs rescaled: a loss in own units would weigh targets with a large
        # unit more, and the best learning rate would depend on the unit.
        target = (y - self.target_mean) / self.target_std
        loss = self.loss(output, target)
        # No graph for metrics that are only logged.
        predicted = output.detach() * self.target_std + self.target_mean
        error = predicted - y
        means = {"mae": error.abs().mean(), "mse": error.square().mean()}
        if not self.training:
            means |= self._by_target(error, target)
        self.means.add(len(x), loss=loss, **means)
        return loss, predicted

    def _by_target(self, error: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Means of each target in an evaluation: of errors (B, T) in own units, and of standardised targets (B, T)."""
        # Of standardised targets: the variance of small numbers around a large mean would be lost to rounding.
        squares = (error / self.target_std).square()
        sums = {"squares": squares, "target": target, "target_squares": target.square()}
        found = {f"_{name}": each.mean(dim=0) for name, each in sums.items()}
        if 1 < self.num_outputs <= self.MOST_NAMED:
            found |= {"_mae": error.abs().mean(dim=0), "_mse": error.square().mean(dim=0)}
        return {f"{name}{number}": each for name, row in found.items() for number, each in enumerate(row)}

    def log_means(self, stage: str) -> None:
        """Log RMSE as the root of the epoch's mean squared error; the mean of the batches' roots would differ."""
        derived: dict[str, Any] = {"rmse": lambda means: means["mse"].sqrt()}
        if stage != "train":
            derived["r2"] = self._watched_r2 if self.monitor == f"{stage}/r2" else self._r2
            names = target_names(getattr(self.trainer, "datamodule", None)) or range(1, self.num_outputs + 1)
            for number, name in enumerate(names) if 1 < self.num_outputs <= self.MOST_NAMED else ():
                derived[f"mae_{metric_name(str(name))}"] = partial(_mean_of, f"_mae{number}")
                derived[f"rmse_{metric_name(str(name))}"] = partial(_root_of, f"_mse{number}")
        self.means.log(self, stage, **derived)

    def _watched_r2(self, means: dict[str, Tensor]) -> Tensor:
        found = self._r2(means)
        if found is None and not self.trainer.sanity_checking:  # a few samples, which may be equal
            raise DataError(
                f"{self.monitor} is undefined: a target is the same in all validation samples;",
                "it compares the errors with the spread of the target;",
                "try a larger data.val_fraction, or task.monitor=val/loss task.mode=min.",
            )
        return torch.tensor(torch.nan) if found is None else found

    def _r2(self, means: dict[str, Tensor]) -> Tensor | None:
        """The coefficient of determination, averaged over the targets; None if a target is constant."""
        squares, target, target_squares = (
            torch.stack([means[f"_{name}{number}"] for number in range(self.num_outputs)])
            for name in ("squares", "target", "target_squares")
        )
        spread = target_squares - target.square()
        return (1 - squares / spread).mean() if bool((spread > _NO_SPREAD).all()) else None


def _mean_of(name: str, means: dict[str, Tensor]) -> Tensor:
    return means[name]


def _root_of(name: str, means: dict[str, Tensor]) -> Tensor:
    return means[name].sqrt()
