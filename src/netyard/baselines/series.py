"""Baselines of forecasting: naive, seasonal naive and drift, and a linear regression on the same windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.baselines.models import PredictionColumns
from netyard.baselines.scores import Scores
from netyard.tasks.interfaces import RealSamples, has_split

VERSION = 2
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
_MOST_TRAINED, _MOST_SCORED = 10_000, 200_000  # windows


@dataclass(frozen=True)
class Windows:
    """Windows of a part, in own units, of all targets of each window one after another.

    past: (N, W). future: (N, H). scale, std: (N, 1), that of MASE and the deviation of the training steps.
    """

    past: np.ndarray
    future: np.ndarray
    scale: np.ndarray
    std: np.ndarray
    total: int
    """The number of windows in the part."""


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The season, the channels of a window, and the scales of the series."""
    return {
        "season": task.season,
        "columns": task.num_columns,
        "ahead": task.num_future,
        "scales": [*data.series_statistics()] if hasattr(data, "series_statistics") else [],
    }


def scores(task: Any, data: Any, stage: str) -> Scores:
    """MASE, MAE and RMSE of all windows of the part, as ``tasks.forecasting`` has them."""
    if not (isinstance(data, RealSamples) and hasattr(data, "series_statistics")):
        return Scores({}, "min")
    scored = windows_of(task, data, stage, _MOST_SCORED)
    horizon = scored.future.shape[1]
    forecasts = {"naive": naive(scored.past, horizon), "drift": drift(scored.past, horizon)}
    if task.season > 1:
        forecasts["seasonal_naive"] = seasonal_naive(scored.past, horizon, task.season)
    train = windows_of(task, data, "train", _MOST_TRAINED)
    val = windows_of(task, data, "val", _MOST_TRAINED) if has_split(data, "val") else None
    linear = LinearForecast().fit(train, val)
    forecasts["linear_regression"] = linear.predict(scored)
    fits: dict[str, dict[str, Any]] = {name: {"validated": None} for name in forecasts}
    if val is not None:
        seen = {
            "naive": naive(val.past, horizon),
            "drift": drift(val.past, horizon),
            "linear_regression": linear.predict(val),
        }
        if task.season > 1:
            seen["seasonal_naive"] = seasonal_naive(val.past, horizon, task.season)
        fits = {
            name: {"validated": float((np.abs(made - val.future) / val.scale).mean())} for name, made in seen.items()
        }
    values: dict[str, dict[str, float]] = {"mase": {}, "mae": {}, "rmse": {}}
    for name, forecast in forecasts.items():
        error = forecast - scored.future
        values["mase"][name] = float((np.abs(error) / scored.scale).mean())
        values["mae"][name] = float(np.abs(error).mean())
        values["rmse"][name] = float(np.sqrt(np.square(error).mean()))
    columns = task.num_columns
    subset, tested = (
        len(each.past) // columns if len(each.past) // columns < each.total else None for each in (train, scored)
    )
    return Scores(values, "min", subset, tested, {"linear_regression": {"alpha": linear.alpha}}, fits)


def windows_of(task: Any, data: Any, name: str, most: int) -> Windows:
    """Up to ``most`` windows of a part."""
    found = [*data.real_samples(name, most)]
    x, y = (torch.cat([each[place].cpu() for each in found]).double() for place in (0, 1))
    columns, horizon = task.num_columns, task.horizon
    steps = x.shape[1] - (horizon if task.num_future else 0)
    past = x[:, :steps, :columns].transpose(1, 2)  # (N, columns, W)
    future = y.unflatten(1, (columns, horizon))
    _, std, scale = (each.cpu().double() for each in data.series_statistics())
    if std.ndim and task.num_series > 1:
        number = x[:, 0, -1].long()
        std, scale = std[number], scale[number]
    std, scale = std.expand(len(x), columns), scale.expand(len(x), columns)
    flat = [each.flatten(0, 1).numpy() for each in (past, future, scale[..., None], std[..., None])]
    return Windows(flat[0], flat[1], flat[2], flat[3], len(data.split(name)))


def naive(past: np.ndarray, horizon: int) -> np.ndarray:
    """Repeat the last value: (N, W) -> (N, horizon)."""
    return np.repeat(past[:, -1:], horizon, axis=1)


def seasonal_naive(past: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Repeat the last season: (N, W) -> (N, horizon)."""
    return past[:, -season:][:, np.arange(horizon) % season]


def drift(past: np.ndarray, horizon: int) -> np.ndarray:
    """Continue the line through the first and the last value of the window: (N, W) -> (N, horizon)."""
    slope = (past[:, -1:] - past[:, :1]) / max(past.shape[1] - 1, 1)
    return past[:, -1:] + slope * np.arange(1, horizon + 1)


class LinearForecast:
    """Ridge regression of the next steps on the window, both relative to its last value, in standard deviations."""

    alpha = 1.0

    def fit(self, train: Windows, val: Windows | None) -> LinearForecast:
        """Fit on training windows, with the penalty that is best on the validation windows by MASE."""
        from sklearn.linear_model import Ridge

        fits = {}
        for alpha in PENALTIES if val is not None else (self.alpha,):
            self._model, self.alpha = Ridge(alpha).fit(_relative(train), self._targets(train)), alpha
            error = 0.0 if val is None else float((np.abs(self.predict(val) - val.future) / val.scale).mean())
            fits[alpha] = (error, self._model)
        self.alpha = min(fits, key=lambda alpha: fits[alpha][0])
        self._model = fits[self.alpha][1]
        return self

    def predict(self, windows: Windows) -> np.ndarray:
        """(N, H), in own units."""
        made: np.ndarray = self._model.predict(_relative(windows)).reshape(windows.future.shape)
        return made * windows.std + windows.past[:, -1:]

    @staticmethod
    def _targets(windows: Windows) -> np.ndarray:
        found: np.ndarray = (windows.future - windows.past[:, -1:]) / windows.std
        return found


def _relative(windows: Windows) -> np.ndarray:
    found: np.ndarray = (windows.past - windows.past[:, -1:]) / windows.std
    return found


# Predictions


def keep(task: Any, data: Any) -> dict[str, Any]:
    """The shape of a window; the linear forecast is fitted again on training windows, which are kept."""
    train = windows_of(task, data, "train", _MOST_TRAINED)
    names = ("num_columns", "num_future", "num_series", "horizon", "season")
    parts = {name: torch.from_numpy(getattr(train, name).copy()) for name in ("past", "future", "std")}
    _, std, _ = data.series_statistics()
    return {**{name: int(getattr(task, name)) for name in names}, **parts, "deviation": std.cpu()}


def predictor(kept: Mapping[str, Any], data: Any, name: str) -> PredictionColumns:
    """The columns that a network of this task predicts: of each target the next steps."""
    columns, horizon = kept["num_columns"], kept["horizon"]
    linear = LinearForecast()
    if name == "linear_regression":
        past, future, std = (kept[each].numpy() for each in ("past", "future", "std"))
        linear.alpha = kept["chosen"][name]["alpha"]
        linear.fit(Windows(past, future, std, std, len(past)), None)

    def forecast(x: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        steps = x.shape[1] - (horizon if kept["num_future"] else 0)
        past = x[:, :steps, :columns].double().transpose(1, 2)
        deviation = kept["deviation"].double()
        if deviation.ndim and kept["num_series"] > 1:
            deviation = deviation[x[:, 0, -1].long()]
        std = deviation.expand(len(x), columns).reshape(-1, 1).numpy()
        flat = past.flatten(0, 1).numpy()
        if name == "linear_regression":
            made = linear.predict(Windows(flat, np.zeros((len(flat), horizon)), std, std, len(flat)))
        elif name == "seasonal_naive":
            made = seasonal_naive(flat, horizon, kept["season"])
        else:
            made = {"naive": naive, "drift": drift}[name](flat, horizon)
        values = made.reshape(len(x), columns * horizon)
        named = len(labels) == columns * horizon and columns > 1
        names = labels if named else [f"step_{step}" for step in range(1, columns * horizon + 1)]
        return {each: part.tolist() for each, part in zip(names, values.T, strict=True)}

    return forecast
