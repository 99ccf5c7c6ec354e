"""Axes of the charts on a page: tick values, tick labels, and positions of values, linear or logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440, 266  # of a chart in SVG units; the page scales it
TOP, RIGHT, BOTTOM = 18, WIDTH - 12, HEIGHT - 40  # edges of the plot area; y grows downwards in SVG


@dataclass(frozen=True)
class Tick:
    position: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The range of an axis, and the values at which it has ticks."""

    low: float
    high: float
    ticks: list[float]
    log: bool = False

    def position(self, value: float, begin: float, end: float) -> float:
        """Map a value to the interval from ``begin`` (the low end of the axis) to ``end`` (the high end)."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        # The band of a standard deviation may reach below zero, which has no logarithm.
        value = math.log10(max(value, self.low)) if self.log else value
        fraction = (value - low) / (high - low) if high > low else 0.5
        return begin + fraction * (end - begin)


def linear_axis(values: Sequence[float]) -> Axis:
    """Return an axis from the tick below the smallest value to the tick above the largest."""
    low, high = min(values), max(values)
    if low == high:  # a constant value: an axis needs a range above zero
        margin = abs(low) / 10 or 1.0
        return Axis(low - margin, high + margin, [low])
    marks = tick_values(low, high, 6)
    margin = (high - low) * 0.04  # so that a line does not touch the edge
    return Axis(min(low - margin, marks[0] if marks else low), max(high + margin, marks[-1] if marks else high), marks)


def log_axis(low: float, high: float) -> Axis:
    """Return a logarithmic axis between powers of ten, with at most about six ticks."""
    begin, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(math.ceil((end - begin) / 6), 1)
    return Axis(10.0**begin, 10.0**end, [10.0**power for power in range(begin, end + 1, step)], log=True)


def hyperparameter_axis(values: Sequence[float], log: bool) -> Axis:
    """Return an axis a little longer than the range of its values; its ticks are the values themselves if few."""
    low, high = min(values), max(values)
    if low == high:
        return Axis(low - 1, high + 1, [low])
    # A sweep tries few values, such as 0.03 and 0.3: those say more than round numbers between them.
    distinct = sorted(set(values))
    if log:
        axis = log_axis(low, high)
        factor = (high / low) ** 0.06  # 6 % of the range on each side, on a logarithmic scale
        few = distinct if len(distinct) <= 5 else [tick for tick in axis.ticks if low <= tick <= high]
        return Axis(low / factor, high * factor, few, log=True)
    margin = (high - low) * 0.06
    return Axis(low - margin, high + margin, distinct if len(distinct) <= 4 else tick_values(low, high, 6))


def tick_values(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from low to high, at most ``most``: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        # 1e-9: a low end that is a multiple of the step must not be lost to rounding.
        multiples = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(multiples) <= most:
            break
    # Rounded to 12 digits: 3 * 0.1 is 0.30000000000000004 in floating point.
    return [float(f"{multiple * step:.12g}") for multiple in multiples]


def tick_label(value: float) -> str:
    """Format a number for an axis: 0.001, 25, 1.5e-07, 12,000."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        return f"{value:,.10g}" if abs(value) >= 1 else f"{value:.6g}"
    return f"{value:.3g}"


def y_ticks(axis: Axis) -> list[Tick]:
    """Return the ticks of a y axis, as drawn from ``BOTTOM`` to ``TOP``."""
    return [Tick(round(axis.position(value, BOTTOM, TOP), 1), tick_label(value)) for value in axis.ticks]


def left_margin(ticks: Sequence[Tick]) -> float:
    """Return the width left of the plot area that the labels of the y axis need."""
    return 16 + 7.0 * max((len(tick.label) for tick in ticks), default=1)  # a digit is about 7 units wide
