"""Forecasting: the next values of a series from a window of its past, compared with naive forecasts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.probe import check_regression_loss
from netyard.metrics.output_names import metric_name
from netyard.ranges.bounds import Count, Index, OneOf
from netyard.ranges.signature import check
from netyard.tasks.interfaces import MeasuresDrift, NamesColumns
from netyard.tasks.learner import Learner
from netyard.tasks.parts.readers import check_reader
from netyard.tasks.signature import ExportSignature, Score, TensorSpec

log = logging.getLogger(__name__)

NORMALIZATIONS = ("series", "last", "window")
FAR_DRIFT = 1.5
"""Standard deviations between the mean of the training part and where its trend leads, above which that is told."""


class Forecaster(Protocol):
    """The interface of the net: (B, steps, channels) -> one number for each step ahead, (B, num_outputs)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Forecast(NamedTuple):
    """One window of the first target in the series' own units, kept for plots."""

    past: Tensor  # (W,)
    true: Tensor  # (H,)
    predicted: Tensor  # (H,)
    seasonal_naive: Tensor  # (H,)


class Forecasting(Learner):
    """Train ``net(x) -> (B, num_outputs)`` on batches ``(x, y)``: the past (B, W, C), and the next values.

    y is (B, num_columns * H), target by target. The channels of x are the targets; ``num_past`` that are known in the
    past alone; ``num_future`` that are known in advance, with which x is (B, W + H, C); ``num_static``; and, of several
    series or with channels known in advance, the number of the series. In place of the last one the net reads whether a
    step is ahead, and there zeros for what is not known in advance.

    Targets are standardised by the statistics of the series' training part, other channels by theirs; they are saved
    with the weights. ``loss`` is on that scale, ``mae`` and ``rmse`` are in the series' own units. ``mase`` is the MAE
    divided by that of the seasonal naive forecast in the training part of each series (Hyndman & Koehler 2006).
    Validation and test log it also for the naive forecasts of the same windows, as ``mase_naive`` and
    ``mase_seasonal_naive``: a useful net has a lower value than both. Of several targets each has its own errors, too.
    Afterwards ``forecast`` is the last window, and after a test ``predicted`` and ``true`` are (N, num_outputs), of
    windows that overlap.

    Args:
        net: see ``Forecaster``.
        loss: of prediction and target, both (B, num_outputs), averaged over the batch.
        num_outputs: the number of steps to predict, of all targets together.
        season: the period of the series in steps; 1 if it has no season.
        normalize: how input and forecast are normalised: ``series``, by mean and standard deviation of the training
            split; ``last``, also shifted by each window's last value, for series whose level drifts (NLinear; Zeng et
            al. 2023, arXiv:2205.13504); ``window``, by each window's own mean and standard deviation, for series whose
            amplitude changes too (RevIN; Kim et al. 2022).
        num_columns, num_past, num_future, num_static: channels, see above.
        num_series: the number of series, each with statistics of its own.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the loss does not take predictions and targets; a value is out of its range; the season differs
            from the data's, or is longer than the window; the targets do not share the outputs equally.
    """

    MOST_NAMED = 20
    """Targets whose own errors are logged."""
    baseline_kind = "series"

    series_mean: Tensor
    series_std: Tensor
    mase_scale: Tensor
    covariate_mean: Tensor
    covariate_std: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        season: Count = 1,
        normalize: Annotated[str, OneOf(NORMALIZATIONS)] = "series",
        num_columns: Count = 1,
        num_past: Index = 0,
        num_future: Index = 0,
        num_static: Index = 0,
        num_series: Count = 1,
        monitor: str = "val/mae",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(Forecasting, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_reader(net, "forecasting")
        check_regression_loss(loss, num_outputs)
        if num_outputs % num_columns:
            raise ArgumentError(
                f"task.num_outputs is {num_outputs} and task.num_columns {num_columns};",
                "each target has the same number of steps;",
                "take task.num_columns out of the command.",
            )
        self.num_outputs, self.num_columns = num_outputs, num_columns
        self.num_past, self.num_future, self.num_static, self.num_series = num_past, num_future, num_static, num_series
        self.season = season
        self.normalize = normalize
        # Buffers, so that a checkpoint alone can forecast in the series' own units; set when training starts.
        shape = () if num_series * num_columns == 1 else (num_series, num_columns)
        for name, value in (("series_mean", 0.0), ("series_std", 1.0), ("mase_scale", 1.0)):
            self.register_buffer(name, torch.full(shape, value))
        if covariates := num_past + num_future + num_static:
            self.register_buffer("covariate_mean", torch.zeros(covariates))
            self.register_buffer("covariate_std", torch.ones(covariates))
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
        if self.num_past + self.num_future + self.num_static:
            mean, std = data.covariate_statistics()
            self.covariate_mean.copy_(mean)
            self.covariate_std.copy_(std)
        self._tell_drift(data)

    def _tell_drift(self, data: Any) -> None:
        drift = data.level_drift if isinstance(data, MeasuresDrift) else 0.0
        if self.normalize == "series" and drift >= FAR_DRIFT and self.trainer.is_global_zero:
            log.warning(
                "the trend of the training part leads %.1f standard deviations away from its mean by the end of the"
                " data, and task.normalize is series: the network would have to forecast levels that it never saw; try"
                " task.normalize=last, or window if the amplitude grows too",
                drift,
            )

    @property
    def horizon(self) -> int:
        """The number of steps ahead; windows that start less than this apart share true values."""
        return self.num_outputs // self.num_columns

    def forward(self, x: Tensor) -> Tensor:
        """Return forecasts (B, num_outputs) in the series' own units."""
        return self._in_own_units(self._standard_forecast(x), x)

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
        channels = "1" if self.is_plain else "channels"
        steps = "window, and steps ahead of the channels known in advance" if self.num_future else "window"
        past = TensorSpec(
            "input", f"(batch, {steps}, {channels}), the latest steps, oldest first, in the series' own units"
        )
        each = f" of each of {self.num_columns} targets, target by target" if self.num_columns > 1 else ""
        forecast = TensorSpec(
            "forecast", f"(batch, {self.num_outputs}), the next steps{each}, in the series' own units"
        )
        score = Score("mae", lambda made, x, y: (made["forecast"] - y).abs().mean(dim=1))
        return ExportSignature(self, self.forward, [past], [forecast], score=score)

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """Return the columns of the prediction table: the value at each step ahead, in the series' own units.

        ``labels`` name the outputs of several targets.
        """
        named = len(labels) == self.num_outputs > 1 and self.num_columns > 1
        names = labels if named else [f"step_{step}" for step in range(1, self.num_outputs + 1)]
        predicted = self.predict_step(x, 0).float()
        return {name: each.tolist() for name, each in zip(names, predicted.T, strict=True)}

    @property
    def is_plain(self) -> bool:
        """Whether x has one channel, the series, and steps of the past alone."""
        return self.num_columns == 1 and not (self.num_past + self.num_future + self.num_static) and not self._is_marked

    @property
    def _is_marked(self) -> bool:
        return self.num_series > 1 or self.num_future > 0

    def _past(self, x: Tensor) -> Tensor:
        """The targets of the past in own units: (B, W), or (B, num_columns, W) of several."""
        if self.num_columns == 1:
            return x[:, : self._window(x), 0]
        return x[:, : self._window(x), : self.num_columns].transpose(1, 2)

    def _window(self, x: Tensor) -> int:
        return x.shape[1] - (self.horizon if self.num_future else 0)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, std and scale of MASE for each sample: (B, 1) or (B, num_columns, 1); scalars if all share them."""
        found = (self.series_mean, self.series_std, self.mase_scale)
        if not self.series_mean.ndim:
            return found
        if self.num_series > 1:
            number = x[:, 0, -1].long()
            found = tuple(each[number] for each in found)
        mean, std, scale = (each[..., None] for each in found)
        return (mean[:, 0], std[:, 0], scale[:, 0]) if self.num_columns == 1 else (mean, std, scale)

    def _by_target(self, values: Tensor) -> Tensor:
        """(B, num_outputs) -> (B, num_columns, H) of several targets."""
        return values if self.num_columns == 1 else values.unflatten(1, (self.num_columns, self.horizon))

    def _in_own_units(self, output: Tensor, x: Tensor) -> Tensor:
        mean, std, _ = self._statistics(x)
        found = self._by_target(output) * std + mean
        return found if self.num_columns == 1 else found.flatten(1)

    def _standard(self, y: Tensor, x: Tensor) -> Tensor:
        mean, std, _ = self._statistics(x)
        found = (self._by_target(y) - mean) / std
        return found if self.num_columns == 1 else found.flatten(1)

    def _standard_forecast(self, x: Tensor) -> Tensor:
        """x in the series' own units -> (B, num_outputs) on the standard scale."""
        mean, std, _ = self._statistics(x)
        past = (self._past(x) - mean) / std
        shift, scale = self._window_scale(past)
        # The forecast is converted back, so the loss does not depend on ``normalize``; gradients pass through both.
        output = self._by_target(self.net(self._channels((past - shift) / scale, x))) * scale + shift
        return output if self.num_columns == 1 else output.flatten(1)

    def _channels(self, past: Tensor, x: Tensor) -> Tensor:
        """The input of the net: standardised targets, and the other channels; (B, T, C)."""
        targets = past[..., None] if self.num_columns == 1 else past.transpose(1, 2)
        if self.is_plain:
            return targets
        parts = [targets]
        others = self.num_past + self.num_future + self.num_static
        window, steps = self._window(x), x.shape[1]
        if others:
            first = self.num_columns
            covariates = (x[..., first : first + others] - self.covariate_mean) / self.covariate_std
            parts.append(covariates[:, :window])
        if self._is_marked:
            parts.append(x.new_zeros(len(x), window, 1))
        read = torch.cat(parts, dim=2)
        if steps == window:
            return read
        # Steps ahead have zeros for targets and past covariates, whatever x has there.
        unknown = x.new_zeros(len(x), steps - window, self.num_columns + self.num_past)
        known = covariates[:, window:, self.num_past :]
        ahead = torch.cat([unknown, known, x.new_ones(len(x), steps - window, 1)], dim=2)
        return torch.cat([read, ahead], dim=1)

    def _window_scale(self, past: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Return shift and scale of each window (..., W) on the standard scale; tensors are (..., 1)."""
        if self.normalize == "last":
            return past[..., -1:], 1.0
        if self.normalize == "window":
            std, mean = torch.std_mean(past, dim=-1, correction=0, keepdim=True)
            return mean, std.clamp(min=1e-3)  # a constant window would be divided by 0
        return 0.0, 1.0

    def _forecast_and_errors(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the loss on the standard scale, and the forecast (B, num_outputs) and its errors in own units."""
        x, y = batch
        output = self._standard_forecast(x)
        loss = self.loss(output, self._standard(y, x))
        predicted = self._in_own_units(output.detach(), x)  # no graph: metrics are only logged
        error = predicted - y
        means = {"mae": error.abs().mean(), "mse": error.square().mean(), "mase": self._scaled(error.abs(), x)}
        if not self.training and 1 < self.num_columns <= self.MOST_NAMED:
            means |= self._of_each_target(error, x)
        return loss, predicted, means

    def _scaled(self, errors: Tensor, x: Tensor) -> Tensor:
        """The mean of absolute errors (B, num_outputs), divided by the scale of MASE of their series and target."""
        scale = self._statistics(x)[2]
        # The same scale for every batch and every method, so it can be averaged and compared between series.
        return (self._by_target(errors) / scale).mean() if scale.ndim else errors.mean() / scale

    def _of_each_target(self, error: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Means of each target in an evaluation, by names that ``log_means`` replaces."""
        scale = self._statistics(x)[2]
        each = self._by_target(error)  # (B, num_columns, H)
        found = {"mae": each.abs(), "mse": each.square(), "mase": each.abs() / scale}
        return {
            f"_{name}{number}": value
            for name, values in found.items()
            for number, value in enumerate(values.mean(dim=(0, 2)))
        }

    def _evaluate(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the forecast (B, num_outputs), after logging its errors and those of the naive forecasts."""
        x, y = batch
        loss, predicted, metrics = self._forecast_and_errors(batch)
        past = self._past(x)  # in own units, where the naive forecasts need no normalisation
        flat = past if self.num_columns == 1 else past.flatten(0, 1)  # (B * num_columns, W)
        seasonal = seasonal_naive(flat, self.horizon, self.season).reshape(y.shape)
        metrics["mase_naive"] = self._scaled((naive(flat, self.horizon).reshape(y.shape) - y).abs(), x)
        metrics["mase_seasonal_naive"] = self._scaled((seasonal - y).abs(), x)
        self.means.add(len(x), loss=loss, **metrics)
        # Each batch replaces it, and windows come in the order of time: at the end it is the latest of all.
        first = slice(self.horizon)
        past = past if self.num_columns == 1 else past[:, 0]
        self.forecast = Forecast(past[-1], y[-1, first], predicted[-1, first], seasonal[-1, first])
        return predicted

    def _share_forecast(self) -> None:
        """Copy the forecast from the last device, which has the last window, to all; the first one plots it."""
        if self.forecast is not None:
            here = Forecast(*(each.float().cpu() for each in self.forecast))
            self.forecast = self.trainer.strategy.broadcast(here, src=self.trainer.world_size - 1)

    def log_means(self, stage: str) -> None:
        """Log RMSE as the root of the epoch's mean squared error; the mean of the batches' roots would differ."""
        derived: dict[str, Callable[[dict[str, Tensor]], Tensor]] = {"rmse": partial(_root_of, "mse")}
        if stage != "train" and 1 < self.num_columns <= self.MOST_NAMED:
            for number, name in enumerate(map(metric_name, self._target_names())):
                derived[f"mae_{name}"] = partial(_mean_of, f"_mae{number}")
                derived[f"rmse_{name}"] = partial(_root_of, f"_mse{number}")
                derived[f"mase_{name}"] = partial(_mean_of, f"_mase{number}")
        self.means.log(self, stage, **derived)

    def _target_names(self) -> list[str]:
        data = getattr(self.trainer, "datamodule", None)
        return data.target_columns if isinstance(data, NamesColumns) else [*map(str, range(1, self.num_columns + 1))]

    def on_test_end(self) -> None:
        if self.trainer.is_global_zero:
            self._tell_lost(self.trainer.callback_metrics)

    def _tell_lost(self, metrics: Mapping[str, Tensor]) -> None:
        """Warn of a forecast that is worse than one that needs no training."""
        mase = metrics.get("test/mase")
        others = {"naive": metrics.get("test/mase_naive"), "seasonal naive": metrics.get("test/mase_seasonal_naive")}
        if self.season == 1:
            del others["seasonal naive"]  # which is the same
        better = {name: float(each) for name, each in others.items() if each is not None and each < mase}
        if mase is not None and better:
            name = min(better, key=better.__getitem__)
            log.warning(
                "the %s forecast, which needs no training, is better than the network: test/mase %.3f, and the"
                " network's is %.3f; try more epochs, another task.normalize, or a longer data.window",
                *(name, better[name], float(mase)),
            )


def _mean_of(name: str, means: dict[str, Tensor]) -> Tensor:
    return means[name]


def _root_of(name: str, means: dict[str, Tensor]) -> Tensor:
    return means[name].sqrt()


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
