"""Colours of the rows of a table in a chart: by a second hyperparameter or by a number.

All colours have a contrast of 3 : 1 or more with the white and with the dark surface of a page. Those of numbers go
from blue to orange, which all common colour deficiencies leave apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from netyard.metrics.intervals import mean
from netyard.plots.figure import PALETTE, colour
from netyard.reports.configurations import Table
from netyard.run_directories.records import MISSING

# From the lowest to the highest number.
RAMP = ((47, 116, 208), (138, 114, 131), (200, 102, 10))
LOG_FROM = 10.0  # ratio of the largest to the smallest value from which an axis is logarithmic
Show = Callable[[Any], str]


@dataclass(frozen=True)
class ColourScale:
    """The colour of each row of a table, and what the colours mean.

    Attributes:
        key: the hyperparameter that they show; empty if all rows have one colour.
        colours: of each row.
        groups: for each row the index of its entry; all 0 if there are none.
        entries: (value, colour) of a legend; empty if the colours are continuous.
        ends: the lowest and the highest value of continuous colours.
    """

    key: str
    colours: list[str]
    groups: list[int]
    entries: list[tuple[str, str]]
    ends: tuple[str, str] = ("", "")


def ramp(place: float) -> str:
    """Return the colour of a place in [0, 1] between the lowest and the highest number."""
    scaled = min(max(place, 0.0), 1.0) * (len(RAMP) - 1)
    index = min(int(scaled), len(RAMP) - 2)
    low, high = RAMP[index : index + 2]
    red, green, blue = (round(a + (scaled - index) * (b - a)) for a, b in zip(low, high, strict=True))
    return colour((red, green, blue))


def places(numbers: Sequence[float]) -> list[float]:
    """Return the place in [0, 1] of each number between the smallest and the largest, on the axis that suits them."""
    scale: Callable[[float], float] = math.log if logarithmic(numbers) else float
    low, high = scale(min(numbers)), scale(max(numbers))
    return [(scale(number) - low) / (high - low) if high > low else 0.5 for number in numbers]


def by_second_key(table: Table, key: str, show: Show) -> ColourScale:
    """Return colours by the hyperparameter that says most about the objective beside ``key``."""
    others = [other for other in table.columns if other != key]
    if not others:
        return ColourScale("", [PALETTE[0]] * len(table.rows), [0] * len(table.rows), [])
    # Values that are all different explain everything, so they come after those that are repeated.
    second = max(others, key=lambda other: (_repeats(table, other, show), _explained(table, other, show)))
    values = [row.cells[second] for row in table.rows]
    if numeric(values) and MISSING not in values:
        numbers = [float(value) for value in values]
        colours = [ramp(place) for place in places(numbers)]
        distinct = sorted(set(numbers))
        if len(distinct) > len(PALETTE):
            ends = (show(min(values)), show(max(values)))
            return ColourScale(second, colours, [0] * len(values), [], ends)
        named = dict(zip(numbers, zip(map(show, values), colours, strict=True), strict=True))
        return ColourScale(
            second, colours, [distinct.index(number) for number in numbers], [named[number] for number in distinct]
        )
    labels = sorted({show(value) for value in values})
    if len(labels) > len(PALETTE):  # no palette has so many colours that can be told apart
        return ColourScale("", [PALETTE[0]] * len(values), [0] * len(values), [])
    groups = [labels.index(show(value)) for value in values]
    entries = list(zip(labels, PALETTE, strict=False))
    return ColourScale(second, [entries[group][1] for group in groups], groups, entries)


def numeric(values: Sequence[Any]) -> bool:
    """Return whether all values that are present are numbers; a bool is a category."""
    present = [value for value in values if value != MISSING]
    return bool(present) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)


def logarithmic(values: Sequence[float]) -> bool:
    """Return whether the values need a logarithmic axis, as learning rates and sizes do.

    They span a factor of ten, and their median is nearer to the middle of a logarithmic axis than of a linear one.
    """
    low, high = min(values), max(values)
    if low <= 0 or high / low < LOG_FROM:
        return False
    middle = math.exp(median(map(math.log, values)))
    return abs(math.log(middle / low) / math.log(high / low) - 0.5) <= abs((middle - low) / (high - low) - 0.5)


def _repeats(table: Table, key: str, show: Show) -> bool:
    return len({show(row.cells[key]) for row in table.rows}) < len(table.rows)


def _explained(table: Table, key: str, show: Show) -> float:
    """The fraction of the variance of the objective between the values of a hyperparameter."""
    means = [mean(row.values(table.ranked.name)) for row in table.rows]
    centre = mean(means)
    groups: dict[str, list[float]] = {}
    for row, value in zip(table.rows, means, strict=True):
        groups.setdefault(show(row.cells[key]), []).append(value)
    between = math.fsum(len(values) * (mean(values) - centre) ** 2 for values in groups.values())
    total = math.fsum((value - centre) ** 2 for value in means)
    return between / total if total > 0 and math.isfinite(total) else 0.0
