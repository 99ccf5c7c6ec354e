"""A forecast drawn: the curves lie where their values say, whatever the sizes and units."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from netyard.callbacks.forecasts import BOTTOM, RIGHT, TOP, forecast_picture
from netyard.plots.figure import ACCENT, DARK, GREY, WHITE

LEGEND = TOP - 4  # rows that the legend takes, whose lines have the curves' colours


def rows_of(picture: Tensor, colour: tuple[int, ...], columns: slice) -> Tensor:
    """The rows below the legend that hold a colour."""
    found = (picture[:, LEGEND:, columns] == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(dim=0)
    return LEGEND + found.any(dim=1).nonzero().flatten()


def columns_of(picture: Tensor, colour: tuple[int, ...]) -> Tensor:
    found = (picture[:, LEGEND:] == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(dim=0)
    return found.any(dim=0).nonzero().flatten()


def test_each_future_ends_at_its_value():
    picture = forecast_picture(
        torch.zeros(5),
        true=torch.tensor([0.0, 5.0]),
        predicted=torch.tensor([0.0, 10.0]),
        seasonal_naive=torch.zeros(2),
    )
    assert picture.dtype == torch.uint8 and picture.shape == (3, 400, 720)
    top, bottom = TOP, 400 - BOTTOM
    end = slice(720 - RIGHT - 2, 720 - RIGHT + 2)  # the last step
    for colour, value in ((ACCENT, 10), (DARK, 5), (GREY, 0)):
        rows = rows_of(picture, colour, end).float()
        assert abs(rows.mean() - (bottom - value / 10 * (bottom - top))) <= 2.5


def test_what_is_predicted_begins_at_now():
    past, future = torch.linspace(0, 1, 20), torch.tensor([1.5, 0.2, 1.7])
    picture = forecast_picture(past, future + 0.3, future, future - 0.4)
    blue = columns_of(picture, ACCENT)
    shades = picture[0, LEGEND + 8 : 400 - BOTTOM - 4].long()
    now = (
        int(shades.amax(dim=0)[100:].argmin()) + 100
    )  # the line across the whole height, the only column without paper
    assert 500 < now < 660 and abs(int(blue.min()) - now) <= 4 and int(blue.max()) >= 720 - RIGHT - 1


def test_the_legend_names_three_curves():
    flat = torch.zeros(3)
    legend = forecast_picture(flat, flat, flat, flat)[:, :LEGEND]
    for colour in (ACCENT, DARK, GREY):
        assert (legend == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(dim=0).sum() >= 20


@pytest.mark.parametrize("window", [1, 7, 2000])
@pytest.mark.parametrize("horizon", [1, 300])
@pytest.mark.parametrize(("size", "offset"), [(1.0, 0.0), (1e-6, 0.0), (1e30, 0.0), (3.0, 1e6), (0.0, 0.001)])
def test_any_series_can_be_drawn(window: int, horizon: int, size: float, offset: float):
    torch.manual_seed(0)
    past, *futures = (torch.randn(steps) * size + offset for steps in (window, horizon, horizon, horizon))
    picture = forecast_picture(past, *futures)
    assert len(rows_of(picture, ACCENT, slice(0, 720))) > 0
    assert (picture[:, :, -10:] == WHITE[0]).all()  # nothing runs out of the right side


def test_a_long_past_does_not_dwarf_the_future():
    picture = forecast_picture(torch.randn(5000), torch.zeros(10), torch.zeros(10), torch.zeros(10))
    assert len(columns_of(picture, ACCENT)) > 60


def test_a_forecast_that_is_no_number_is_left_out():
    past, true = torch.arange(6.0), torch.tensor([6.0, 7.0])
    broken = torch.tensor([float("nan"), float("inf")])
    picture = forecast_picture(past, true, predicted=broken, seasonal_naive=true)
    assert len(columns_of(picture, ACCENT)) <= 8  # the dot at the last known value, from which the curve would leave
    assert forecast_picture(broken, broken, broken, broken).shape == (3, 400, 720)


def test_a_picture_is_the_same_each_time():
    past, future = torch.linspace(0, 1, 20), torch.tensor([1.5, 0.2, 1.7])
    pictures = [forecast_picture(past, future + 0.3, future, future - 0.4) for _ in range(2)]
    assert torch.equal(*pictures)
