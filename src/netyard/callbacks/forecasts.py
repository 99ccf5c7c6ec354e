"""Plots a forecast: the input window, the true future, the prediction, and the seasonal naive forecast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from netyard.plots.dashboard import as_tensor
from netyard.plots.figure import ACCENT, DARK, GREY, axis_ticks, colour, escape, label_width, pixels

TOP, RIGHT, BOTTOM = 40, 30, 44  # pixels around the axes
_PAST_HORIZONS = 8  # length of the past that is shown, in horizons
_MIN_PAST = 40  # steps of the past that are shown at least
_MAX_LETTERS = 75  # of all dates at the axis
_MAX_DOTS = 40  # steps; a plot of more has lines without dots


def forecast_picture(
    past: Tensor,
    true: Tensor,
    predicted: Tensor,
    seasonal_naive: Tensor,
    width: int = 720,
    height: int = 400,
    dates: Sequence[str] | None = None,
) -> Tensor:
    """Plot a past (W,) and three futures (H,), in the units of the series; (3, height, width) uint8.

    The x axis has ``dates``, of W + H steps, or counts steps from now. Values that are not finite are left out, as is
    the beginning of a long past.
    """
    # A past many times longer than the horizon would squeeze the future into a few pixels.
    known = past[-max(_PAST_HORIZONS * len(true), _MIN_PAST) :].tolist()
    # Each future starts at the last known value: otherwise a horizon of one step would be a point, not a line.
    futures = [[*known[-1:], *future.tolist()] for future in (predicted, true, seasonal_naive)]
    values = torch.tensor([*known, *(value for future in futures for value in future)], dtype=torch.float64)
    values = values[values.isfinite()]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if low == high:  # a constant series: an axis needs a range above zero
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    ticks = axis_ticks(low, high)
    picture = pixels(
        partial(_plot, known, futures, (low, high), ticks, dates),
        width,
        height,
        (label_width(ticks[1]), TOP, RIGHT, BOTTOM),
    )
    return as_tensor(picture)


def _plot(
    known: Sequence[float],
    futures: Sequence[Sequence[float]],
    ends: tuple[float, float],
    ticks: tuple[list[float], list[str]],
    dates: Sequence[str] | None,
    axes: Any,
) -> None:
    first, last = 1 - len(known), len(futures[0]) - 1  # the last known value is at step 0
    dot = "o" if last - first <= _MAX_DOTS else ""
    common = {"marker": dot, "markersize": 3.5, "linewidth": 1.5, "clip_on": False}
    axes.plot(range(first, 1), known, color=colour(DARK), zorder=2, **common)
    # zorder: the prediction is drawn over the true values, and the naive forecast below both.
    named = zip(("predicted", "true", "seasonal naive"), (ACCENT, DARK, GREY), (5, 4, 3), futures, strict=True)
    for name, shade, order, future in named:
        axes.plot(range(len(future)), future, color=colour(shade), label=name, zorder=order, **common)
    axes.axvline(0, color=colour(GREY), linewidth=0.7)
    axes.set_xlim(first, max(last, first + 1))  # matplotlib warns of limits that are equal
    axes.set_ylim(*ends)
    axes.set_yticks(*ticks)
    if dates is None:
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=10)
        axes.set_xlabel("steps from now")
    else:
        _label_dates(dates[-(last - first + 1) :], first, axes)
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0, handlelength=1.5)


def _label_dates(dates: Sequence[str], first: int, axes: Any) -> None:
    """Write dates of steps, which begin at ``first``, at as many places as they fit."""
    every = -(-len(dates) * max(map(len, dates)) // _MAX_LETTERS) or 1
    # Counted from the first step ahead, so that it has a label.
    places = [place for place in range(len(dates)) if (place + first - 1) % every == 0]
    axes.set_xticks([place + first for place in places], [escape(dates[place]) for place in places])
