"""Forecasting: the next numbers of a series from a window of its past, judged beside the naive forecasts."""

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
from netyard.tasks.signature import ExportSignature, Score, TensorSpec

NORMALIZATIONS = ("series", "last", "window")


class Forecaster(Protocol):
    """What the task needs of a net: a number for each step ahead, from (B, window, 1)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Forecast(NamedTuple):
    """One window, in the series' own units, for whoever draws it."""

    past: Tensor  # (W,)
    true: Tensor  # (H,)
    predicted: Tensor  # (H,)
    seasonal_naive: Tensor  # (H,)


class Forecasting(Learner):
    """Learns ``net(x) -> (B, num_outputs)`` from batches ``(x, y)``: the past (B, W, 1), and what came next (B, H).

    The net sees and predicts a series of mean 0 and standard deviation 1, by the training part's statistics, which are
    saved with the weights; ``loss`` is on that scale, ``mae`` and ``rmse`` are in the series' own units. ``mase`` is
    the MAE in units of the error that the seasonal naive forecast makes in the training part (Hyndman & Koehler 2006).
    Validation and test log it for the naive forecasts of the same windows too, as ``mase_naive`` and
    ``mase_seasonal_naive``: a net has learned something if its own is below both. Afterwards ``forecast`` holds the
    last window, and after a test ``predicted`` and ``true`` hold (N, num_outputs), windows that overlap.

    Args:
        net: see ``Forecaster``.
        loss: of prediction and target, both (B, num_outputs), averaged over the batch.
        num_outputs: the horizon H, the number of steps to predict.
        season: the steps after which the series resembles itself; 1 if it has no season.
        normalize: what the net sees as zero and one, in the past and in its forecast: ``series``, mean and standard
            deviation of the training part; ``last``, each window's last value for zero, for series that wander off the
            level of their training part (NLinear; Zeng et al. 2023, arXiv:2205.13504); ``window``, each window's own
            mean and standard deviation, for series whose swings grow and shrink too (Kim et al. 2022, RevIN).
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the loss is not one of predictions and targets; an unknown normalize; the season is not the
            data's, or exceeds the window.
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
        check_regression_loss(loss, num_outputs)
        self.num_outputs = num_outputs
        self.season = season
        self.normalize = normalize
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
        """The steps ahead; windows that are nearer to each other than this share true values."""
        return self.num_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Forecasts (B, num_outputs) in the series' own units."""
        return self._standard_forecast(x) * self.series_std + self.series_mean

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss, _, metrics = self._judge(batch)
        self.means.add(len(batch[0]), loss=loss, **metrics)
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
        """The next steps, from a past in the series' own units."""
        past = TensorSpec("input", "(batch, window, 1), the latest steps, in the series' own units")
        forecast = TensorSpec("forecast", f"(batch, {self.num_outputs}), the next steps, in the series' own units")
        score = Score("mae", lambda made, x, y: (made["forecast"] - y).abs().mean(dim=1))
        return ExportSignature(self, self.forward, [past], [forecast], score=score)

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """What a table says of each window, by column: the number at each step ahead, in the series' own units."""
        return {f"step_{step}": each.tolist() for step, each in enumerate(self.predict_step(x, 0).float().T, start=1)}

    def _standard_forecast(self, x: Tensor) -> Tensor:
        """(B, W, 1) in the series' own units -> (B, num_outputs) on the standard scale."""
        past = (x[..., 0] - self.series_mean) / self.series_std  # (B, W)
        zero, one = self._scale(past)
        return self.net(((past - zero) / one)[..., None]) * one + zero

    def _scale(self, past: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """What the net sees as zero and as one, in each window (B, W) on the standard scale."""
        if self.normalize == "last":
            return past[:, -1:], 1.0
        if self.normalize == "window":
            std, mean = torch.std_mean(past, dim=1, correction=0, keepdim=True)
            return mean, std.clamp(min=1e-3)  # a window without change has no scale of its own
        return 0.0, 1.0

    def _judge(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The loss on the standard scale; the forecast (B, num_outputs) and its errors in the series' own units."""
        x, y = batch
        output = self._standard_forecast(x)
        loss = self.loss(output, (y - self.series_mean) / self.series_std)
        predicted = output.detach() * self.series_std + self.series_mean
        mae, mse = (predicted - y).abs().mean(), (predicted - y).square().mean()
        return loss, predicted, {"mae": mae, "mse": mse, "mase": mae / self.mase_scale}

    def _evaluate(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The forecast (B, num_outputs), which is judged beside the naive ones."""
        x, y = batch
        loss, predicted, metrics = self._judge(batch)
        past = x[..., 0]
        seasonal = seasonal_naive(past, y.shape[1], self.season)
        metrics["mase_naive"] = (naive(past, y.shape[1]) - y).abs().mean() / self.mase_scale
        metrics["mase_seasonal_naive"] = (seasonal - y).abs().mean() / self.mase_scale
        self.means.add(len(x), loss=loss, **metrics)
        self.forecast = Forecast(past[-1], y[-1], predicted[-1], seasonal[-1])
        return predicted

    def _share_forecast(self) -> None:
        """The last device has the last window; the first draws it."""
        if self.forecast is not None:
            here = Forecast(*(each.float().cpu() for each in self.forecast))
            self.forecast = self.trainer.strategy.broadcast(here, src=self.trainer.world_size - 1)

    def log_means(self, stage: str) -> None:
        """RMSE is the root of the mean over the epoch, not the mean of the batches' roots."""
        self.means.log(self, stage, rmse=lambda means: means["mse"].sqrt())


def naive(past: Tensor, horizon: int) -> Tensor:
    """The last value, again and again: (B, W) -> (B, horizon)."""
    return past[:, -1:].expand(-1, horizon)


def seasonal_naive(past: Tensor, horizon: int, season: int) -> Tensor:
    """The last season, again and again: (B, W) -> (B, horizon).

    Raises:
        ArgumentError: the window is shorter than a season.
    """
    if season > past.shape[1]:
        raise ArgumentError(
            f"the season is {season} steps and the window {past.shape[1]};",
            "the window must hold one season, which the seasonal naive forecast repeats;",
            f"try data.window={season}, or data.season=1.",
        )
    return past[:, -season:][:, torch.arange(horizon, device=past.device) % season]
