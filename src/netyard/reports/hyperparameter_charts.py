"""Charts of hyperparameters for the SVG of a page: scatter plots and parallel coordinates, as coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from netyard.reports.axes import (
    BOTTOM,
    HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Tick,
    hyperparameter_axis,
    left_margin,
    linear_axis,
    tick_label,
    y_ticks,
)
from netyard.reports.charts import Line
from netyard.run_directories.records import MISSING

LOG_FROM = 10.0  # ratio of the largest to the smallest value from which an axis is logarithmic


@dataclass(frozen=True)
class Mark:
    """One run in a scatter plot: its position, its row in the leaderboard, and the text shown under the pointer."""

    x: float
    y: float
    strength: float
    row: str
    tooltip: str


@dataclass(frozen=True)
class Scatter:
    """The objective against one hyperparameter: a mark for each run, a short line for the mean of each row."""

    title: str
    x_label: str
    marks: list[Mark]
    means: list[Mark]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    aria_label: str
    left: float
    width: int = field(default=WIDTH)
    height: int = field(default=HEIGHT)
    top: int = field(default=TOP)
    right: int = field(default=RIGHT)
    bottom: int = field(default=BOTTOM)


@dataclass(frozen=True)
class Group:
    """The runs of one row of the leaderboard: their value of the hyperparameter, and the result of each run."""

    value: Any
    results: Sequence[float]
    strength: float
    row: str
    label: str


def scatter(title: str, y_label: str, groups: Sequence[Group], show: Callable[[Any], str]) -> Scatter:
    """Return a scatter plot of the results against the hyperparameter ``title``.

    Numbers have a numeric axis; other values are categories side by side.
    """
    # The y axis is of all runs, also those without the key, so that the charts of all keys have the same scale.
    results = [value for group in groups for value in group.results]
    y_axis = linear_axis(results)
    y_marks = y_ticks(y_axis)
    left = left_margin(y_marks)
    if numeric([group.value for group in groups]):
        # A row without the key has no place on a numeric axis.
        groups = [group for group in groups if group.value != MISSING]
        values = [float(group.value) for group in groups]
        axis = hyperparameter_axis(values, logarithmic(values))
        positions = [axis.position(value, left + 8, RIGHT - 8) for value in values]
        x_ticks = [Tick(round(axis.position(value, left + 8, RIGHT - 8), 1), tick_label(value)) for value in axis.ticks]
    else:
        labels = sorted({show(group.value) for group in groups})
        # Each category has a strip of equal width, and its runs are in the middle of it.
        middle = {label: left + (index + 0.5) * (RIGHT - left) / len(labels) for index, label in enumerate(labels)}
        positions = [middle[show(group.value)] for group in groups]
        room = max(int((RIGHT - left) / len(labels) / 7), 2)  # characters that fit, each about 7 units wide
        x_ticks = [
            Tick(round(position, 1), label if len(label) <= room else f"{label[: room - 1]}…")
            for label, position in middle.items()
        ]

    def mark(position: float, value: float, group: Group, tooltip: str) -> Mark:
        # Rounded to a tenth of a unit, less than a pixel, to keep the page small.
        return Mark(
            round(position, 1), round(y_axis.position(value, BOTTOM, TOP), 1), group.strength, group.row, tooltip
        )

    return Scatter(
        title,
        "",  # the title of the chart names the x axis already
        [
            mark(position, value, group, f"{group.label}: {y_label} {value:.4g}")
            for position, group in zip(positions, groups, strict=True)
            for value in group.results
        ],
        [
            mark(position, math.fsum(group.results) / len(group.results), group, "")
            for position, group in zip(positions, groups, strict=True)
        ],
        x_ticks,
        y_marks,
        f"{y_label} against {title}, {len(results)} runs",
        left,
    )


@dataclass(frozen=True)
class VerticalAxis:
    """One axis of parallel coordinates."""

    position: float
    name: str
    ticks: list[Tick]


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates: a vertical axis for each hyperparameter and the objective, a line for each row."""

    axes: list[VerticalAxis]
    lines: list[Line]
    aria_label: str
    width: int
    height: int = field(default=320)
    top: int = field(default=34)
    bottom: int = field(default=304)


def parallel(names: Sequence[str], columns: Sequence[Sequence[Any]], rows: Sequence[Group], show: Any) -> Parallel:
    """Return parallel coordinates of the rows, which are sorted from best to worst.

    Args:
        names: of the axes; the last one is the objective.
        columns: for each name the value of each row.
        rows: label and rank of each line.
        show: formats a value.
    """
    between, margin, label_width = 128, 24, 70  # the labels of the last axis are to the right of it
    width = max(margin * 2 + between * (len(names) - 1) + label_width, 420)
    step = (width - 2 * margin - label_width) / max(len(names) - 1, 1)
    chart = Parallel([], [], f"Parallel coordinates of {', '.join(names)}: {len(rows)} rows", width)

    def down(height: float) -> float:
        """Map a height in [0, 1] to an SVG coordinate, which grows downwards."""
        return round(chart.bottom + height * (chart.top - chart.bottom), 1)

    heights = []
    for index, (name, values) in enumerate(zip(names, columns, strict=True)):
        relative, labels = vertical_scale(values, show)
        heights.append([down(height) for height in relative])
        ticks = [Tick(down(height), text) for height, text in labels]
        chart.axes.append(VerticalAxis(round(margin + index * step, 1), name, ticks))
    for index in reversed(range(len(rows))):  # SVG draws in this order, so the best row is on top
        points = [f"{axis.position} {column[index]}" for axis, column in zip(chart.axes, heights, strict=True)]
        row = rows[index]
        chart.lines.append(Line(row.label, "ranked", row.strength, row.row, "M" + "L".join(points), "", [], ""))
    return chart


def numeric(values: Sequence[Any]) -> bool:
    """Return whether all values that are present are numbers; a bool is a category."""
    present = [value for value in values if value != MISSING]
    return bool(present) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)


def logarithmic(values: Sequence[float]) -> bool:
    """Return whether the values need a logarithmic axis, as learning rates and sizes do."""
    return min(values) > 0 and max(values) / min(values) >= LOG_FROM


def vertical_scale(values: Sequence[Any], show: Callable[[Any], str]) -> tuple[list[float], list[tuple[float, str]]]:
    """Return the heights of values in [0, 1] on a vertical axis, and the labels of the axis with their heights."""
    # A missing value has no place on a numeric axis, but every line must cross every axis: it becomes a category.
    if numeric(values) and MISSING not in values:
        numbers = [float(value) for value in values]
        # The base of the logarithm does not matter, because the heights are relative.
        scale: Callable[[float], float] = math.log if logarithmic(numbers) else float
        low, high = scale(min(numbers)), scale(max(numbers))
        heights = [(scale(number) - low) / (high - low) if high > low else 0.5 for number in numbers]
        # A dict, so that a constant has one label instead of two at the same height.
        return heights, list({min(heights): show(min(values)), max(heights): show(max(values))}.items())
    labels = sorted({show(value) for value in values})
    steps = {label: index / max(len(labels) - 1, 1) for index, label in enumerate(labels)}
    return [steps[show(value)] for value in values], [(height, label) for label, height in steps.items()]
