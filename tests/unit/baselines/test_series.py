"""Baselines of series: the naive forecasts of a network's test, and scikit-learn's ridge regression."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from netyard.baselines import series
from netyard.data.series.series import Series
from netyard.tasks import forecasting


def windows(count: int, seed: int) -> series.Windows:
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, 9)).cumsum(axis=1)
    return series.Windows(values[:, :6], values[:, 6:], np.full((count, 1), 2.0), np.full((count, 1), 3.0), count)


def test_naive_forecasts_are_those_that_a_network_is_compared_with() -> None:
    past = windows(4, 0).past
    assert (series.naive(past, 3) == forecasting.naive(torch.tensor(past), 3).numpy()).all()
    assert (series.seasonal_naive(past, 8, 4) == forecasting.seasonal_naive(torch.tensor(past), 8, 4).numpy()).all()


def test_drift_continues_the_line_through_the_first_and_the_last_value() -> None:
    assert series.drift(np.array([[1.0, 5.0, 3.0]]), 2).tolist() == [[4.0, 5.0]]
    assert series.drift(np.array([[7.0]]), 2).tolist() == [[7.0, 7.0]]


def test_the_linear_forecast_is_scikit_learns_tuned_on_validation() -> None:
    train, val, test = (windows(count, seed) for seed, count in enumerate((40, 20, 10)))
    fits: dict[float, Any] = {}

    def relative(each: series.Windows, values: np.ndarray) -> np.ndarray:
        return (values - each.past[:, -1:]) / 3.0

    for alpha in series.PENALTIES:
        model = Ridge(alpha).fit(relative(train, train.past), relative(train, train.future))
        made = model.predict(relative(val, val.past)) * 3.0 + val.past[:, -1:]
        fits[alpha] = (np.abs(made - val.future).mean(), model)
    best = min(fits, key=lambda alpha: fits[alpha][0])
    linear = series.LinearForecast().fit(train, val)
    assert linear.alpha == best
    wanted = fits[best][1].predict(relative(test, test.past)) * 3.0 + test.past[:, -1:]
    assert linear.predict(test) == pytest.approx(wanted)


def test_each_series_has_its_own_scale(tmp_path: Any) -> None:
    """Two series, of which one is ten times the other, have equal scaled errors."""
    step = np.arange(60)
    small = np.sin(step) + np.sin(step * 0.37)
    days = [f"2020-{1 + number // 28:02d}-{1 + number % 28:02d}" for number in range(60)]
    cells = {"a": small, "b": 10 * small}
    rows = [f"{name},{day},{value}" for name in cells for day, value in zip(days, cells[name], strict=True)]
    path = tmp_path / "two.csv"
    path.write_text("\n".join(["name,day,value", *rows]))
    data = Series(path=str(path), column=["value"], date="none", series_id="name", window=8, horizon=2, season=1)
    data.setup()
    task = SimpleNamespace(num_columns=1, num_future=0, num_series=2, horizon=2, season=1)
    found = series.windows_of(task, data, "test", 1000)
    assert {*np.round(found.std[:, 0] / found.std.min()).tolist()} == {1.0, 10.0}
    scores = series.scores(task, data, "test")
    assert {*scores.values} == {"mase", "mae", "rmse"}
    assert {*scores.values["mase"]} == {"naive", "drift", "linear_regression"}  # season 1 is naive
    error = np.abs(series.naive(found.past, 2) - found.future) / found.scale
    assert scores.values["mase"]["naive"] == pytest.approx(error.mean())
