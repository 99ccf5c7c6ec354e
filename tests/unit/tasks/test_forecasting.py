"""Forecasting: the naive forecasts by hand, and what is refused."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from netyard.tasks.forecasting import Forecasting, naive, seasonal_naive
from support.forecasting_task import HORIZON, Linear, task_of


def test_naive_by_hand() -> None:
    past = torch.tensor([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]])
    assert naive(past, 2).tolist() == [[3, 3], [4, 4]]


@pytest.mark.parametrize(
    ("season", "wanted"),
    [
        (1, [[4, 4, 4, 4, 4]]),
        (2, [[3, 4, 3, 4, 3]]),
        (3, [[2, 3, 4, 2, 3]]),
        (4, [[1, 2, 3, 4, 1]]),
    ],
)
def test_seasonal_naive_by_hand(season: int, wanted: list[list[float]]) -> None:
    assert seasonal_naive(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), 5, season).tolist() == wanted


def test_seasonal_naive_is_exact_for_what_repeats_itself_and_naive_is_its_season_of_one() -> None:
    series = torch.tensor([5.0, 1.0, 9.0]).repeat(20)
    windows = series.unfold(0, 17, 1)
    assert torch.equal(seasonal_naive(windows[:, :7], 10, 3), windows[:, 7:])
    past = torch.randn(4, 9)
    assert torch.equal(seasonal_naive(past, 6, 1), naive(past, 6))


def test_a_window_must_hold_a_season() -> None:
    with pytest.raises(
        ValueError, match=r"season is 5 steps and the window 4; .*try data\.window=5, or data\.season=1"
    ):
        seasonal_naive(torch.zeros(1, 4), 2, 5)


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"normalize is 'batch'; .* series, last, window; try task\.normalize="):
        task_of(Linear(), normalize="batch")


def test_a_loss_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="try loss=mse"):
        Forecasting(Linear(), nn.CrossEntropyLoss(), partial(torch.optim.SGD), lambda *_: None, HORIZON)


@pytest.mark.parametrize(
    ("naive_mase", "seasonal", "season", "told"),
    [
        (0.9, 0.8, 4, "the seasonal naive forecast"),
        (0.7, 0.8, 4, "the naive forecast"),
        (2.0, 2.0, 4, ""),
        (2.0, 0.5, 1, ""),
    ],
)
def test_a_forecast_that_loses_to_a_naive_one_is_told(
    caplog: pytest.LogCaptureFixture, naive_mase: float, seasonal: float, season: int, told: str
) -> None:
    names = {"test/mase": 1.0, "test/mase_naive": naive_mase, "test/mase_seasonal_naive": seasonal}
    task_of(Linear(), season=season)._tell_lost({name: torch.tensor(value) for name, value in names.items()})
    assert (told in caplog.text) if told else not caplog.text


def test_several_targets_and_series_have_their_own_scales_by_hand() -> None:
    """Two series of two targets, two steps ahead: statistics of series 1 and of target 1 are ten times as large."""
    task = task_of(Linear(), season=1, num_outputs=4, num_columns=2, num_series=2)
    scales = torch.tensor([[1.0, 10.0], [10.0, 100.0]])
    for buffer in (task.series_std, task.mase_scale):
        buffer.copy_(scales)
    x = torch.zeros(2, 6, 3)
    x[1, :, 2] = 1  # the number of the series
    errors = torch.tensor([[1.0, 3.0, 10.0, 30.0], [10.0, 30.0, 100.0, 300.0]])
    assert task._scaled(errors, x).item() == pytest.approx(2)
    assert task._in_own_units(torch.ones(2, 4), x).tolist() == [[1, 1, 10, 10], [10, 10, 100, 100]]
    assert torch.equal(task._standard(task._in_own_units(errors, x), x), errors)


def test_targets_share_the_outputs() -> None:
    with pytest.raises(ValueError, match=r"num_outputs is 3 and task\.num_columns 2; each target has the same number"):
        task_of(Linear(), num_columns=2)
