"""Forecasting: the next values of a series from a window of its past, compared with naive forecasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.probe import check_regression_loss
from netyard.ranges.bounds import Count, OneOf
from netyard.ranges.signature import check
from netyard.tasks.learner import Learner
from netyard.tasks.parts.readers import check_reader
from netyard.tasks.signature import ExportSignature, Score, TensorSpec

NORMALIZATIONS = ("series", "last", "window")


class Forecaster(Protocol):
    """The interface of the net: (B, window, 1) -> one number for each step ahead, (B, horizon)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Forecast(NamedTuple):
    """One window in the series' own units, kept for plots."""

    past: Tensor  # (W,)
    true: Tensor  # (H,)
    predicted: Tensor  # (H,)
    seasonal_naive: Tensor  # (H,)


class Forecasting(Learner):
    """Train ``net(x) -> (B, num_outputs)`` on batches ``(x, y)``: the past (B, W, 1), and the next values (B, H).

    The net's input and output are standardised by the statistics of the training split, which are saved with the
    weights; ``loss`` is on that scale, ``mae`` and ``rmse`` are in the series' own units. ``mase`` is the MAE divided
    by that of the seasonal naive forecast in the training split (Hyndman & Koehler 2006). Validation and test log it
    also for the naive forecasts of the same windows, as ``mase_naive`` and ``mase_seasonal_naive``: a useful net has a
    lower value than both. Afterwards ``forecast`` is the last window, and after a test ``predicted`` and ``true`` are
    (N, num_outputs), of windows that overlap.

    Args:
        net: see ``Forecaster``.
        loss: of prediction and target, both (B, num_outputs), averaged over the batch.
        num_outputs: the horizon H, the number of steps to predict.
        season: the period of the series in steps; 1 if it has no season.
        normalize: how input and forecast are normalised: ``series``, by mean and standard deviation of the training
            split; ``last``, also shifted by each window's last value, for series whose level drifts (NLinear; Zeng et
            al. 2023, arXiv:2205.13504); ``window``, by each window's own mean and standard deviation, for series whose
            amplitude changes too (RevIN; Kim et al. 2022).
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the loss does not take predictions and targets; a value is out of its range; the season differs
            from the data's, or is longer than the window.
    """

    series_mean: Tensor
    series_std: Tensor
    mase_scale: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        season: Count = 1,
        normalize: Annotated[str, OneOf(NORMALIZATIONS)] = "series",
        monitor: str = "val/mae",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(Forecasting, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_reader(net, "forecasting")
        check_regression_loss(loss, num_outputs)
        self.num_outputs = num_outputs
        self.season = season
        self.normalize = normalize
        # Buffers, so that a checkpoint alone can forecast in the series' own units; set when training starts.
        for name, value in (("series_mean", 0.0), ("series_std", 1.0), ("mase_scale", 1.0)):
            self.register_buffer(name, torch.tensor(value))
        self.forecast: Forecast | None = None
        self.predicted: Tensor | None = None
        self.true: Tensor | None = None
        self._tested: list[tuple[Tensor, Tensor]] = []

    def on_fit_start(self) -> None:
        data = self.trainer.datamodule
        if data.season != self.season:
            raise ArgumentError(
                f"task.season is {self.season} and data.season {data.season};",
                "MASE and the seasonal naive forecast share one season;",
                f"try data.season={self.season}, without task.season.",
            )
        for buffer, value in zip(
            (self.series_mean, self.series_std, self.mase_scale), data.series_statistics(), strict=True
        ):
            buffer.copy_(value)

    @property
    def horizon(self) -> int:
        """The number of steps ahead; windows that start less than this apart share true values."""
        return self.num_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return forecasts (B, num_outputs) in the series' own units."""
        return self._standard_forecast(x) * self.series_std + self.series_mean

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss, _, metrics = self._forecast_and_errors(batch)
        self.means.add(len(batch[0]), loss=loss, **metrics)  # the naive forecasts do not train, so they are left out
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self._share_forecast()

    def on_test_start(self) -> None:
        super().on_test_start()
        self._tested = []

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._tested.append((self._evaluate(batch), batch[1]))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.predicted, self.true = (torch.cat(parts).cpu() for parts in zip(*self._tested, strict=True))
        self._share_forecast()

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        return self(batch if isinstance(batch, Tensor) else batch[0])

    def export_signature(self) -> ExportSignature:
        """Return the signature of the next steps, given a past in the series' own units."""
        past = TensorSpec("input", "(batch, window, 1), the latest steps, in the series' own units")
        forecast = TensorSpec("forecast", f"(batch, {self.num_outputs}), the next steps, in the series' own units")
        score = Score("mae", lambda made, x, y: (made["forecast"] - y).abs().mean(dim=1))
        return ExportSignature(self, self.forward, [past], [forecast], score=score)

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """Return the columns of the prediction table: the value at each step ahead, in the series' own units."""
        return {f"step_{step}": each.tolist() for step, each in enumerate(self.predict_step(x, 0).float().T, start=1)}

    def _standard_forecast(self, x: Tensor) -> Tensor:
        """(B, W, 1) in the series' own units -> (B, num_outputs) on the standard scale."""
        past = (x[..., 0] - self.series_mean) / self.series_std  # (B, W)
        shift, scale = self._window_scale(past)
        # The forecast is converted back, so the loss does not depend on ``normalize``; gradients pass through both.
        return self.net(((past - shift) / scale)[..., None]) * scale + shift

    def _window_scale(self, past: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Return shift and scale of each window (B, W) on the standard scale; tensors are (B, 1)."""
        if self.normalize == "last":
            return past[:, -1:], 1.0
        if self.normalize == "window":
            std, mean = torch.std_mean(past, dim=1, correction=0, keepdim=True)
            return mean, std.clamp(min=1e-3)  # a constant window would be divided by 0
        return 0.0, 1.0

    def _forecast_and_errors(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the loss on the standard scale, and the forecast (B, num_outputs) and its errors in own units."""
        x, y = batch
        output = self._standard_forecast(x)
        loss = self.loss(output, (y - self.series_mean) / self.series_std)
        predicted = output.detach() * self.series_std + self.series_mean  # no graph: metrics are only logged
        # MASE: the same scale for every batch and every method, so it can be averaged and compared between series.
        mae, mse = (predicted - y).abs().mean(), (predicted - y).square().mean()
        return loss, predicted, {"mae": mae, "mse": mse, "mase": mae / self.mase_scale}

    def _evaluate(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the forecast (B, num_outputs), after logging its errors and those of the naive forecasts."""
        x, y = batch
        loss, predicted, metrics = self._forecast_and_errors(batch)
        past = x[..., 0]  # (B, W), in own units, where the naive forecasts need no normalisation
        seasonal = seasonal_naive(past, y.shape[1], self.season)
        metrics["mase_naive"] = (naive(past, y.shape[1]) - y).abs().mean() / self.mase_scale
        metrics["mase_seasonal_naive"] = (seasonal - y).abs().mean() / self.mase_scale
        self.means.add(len(x), loss=loss, **metrics)
        # Each batch replaces it, and windows come in the order of time: at the end it is the latest of all.
        self.forecast = Forecast(past[-1], y[-1], predicted[-1], seasonal[-1])
        return predicted

    def _share_forecast(self) -> None:
        """Copy the forecast from the last device, which has the last window, to all; the first one plots it."""
        if self.forecast is not None:
            here = Forecast(*(each.float().cpu() for each in self.forecast))
            self.forecast = self.trainer.strategy.broadcast(here, src=self.trainer.world_size - 1)

    def log_means(self, stage: str) -> None:
        """Log RMSE as the root of the epoch's mean squared error; the mean of the batches' roots would differ."""
        self.means.log(self, stage, rmse=lambda means: means["mse"].sqrt())


def naive(past: Tensor, horizon: int) -> Tensor:
    """Repeat the last value: (B, W) -> (B, horizon)."""
    return past[:, -1:].expand(-1, horizon)


def seasonal_naive(past: Tensor, horizon: int, season: int) -> Tensor:
    """Repeat the last season: (B, W) -> (B, horizon).

    Raises:
        ArgumentError: the window is shorter than a season.
    """
    if season > past.shape[1]:
        raise ArgumentError(
            f"the season is {season} steps and the window {past.shape[1]};",
            "the window must contain one season, which the seasonal naive forecast repeats;",
            f"try data.window={season}, or data.season=1.",
        )
    return past[:, -season:][:, torch.arange(horizon, device=past.device) % season]
