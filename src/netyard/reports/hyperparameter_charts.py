"""Charts of hyperparameters for the SVG of a page: scatter plots and parallel coordinates, as coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
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
from netyard.reports.colour_scale import ColourScale, logarithmic, numeric, places, ramp
from netyard.run_directories.records import MISSING

MAX_LABELS = 16  # on a vertical axis
MAX_LINKED = 6  # values of a hyperparameter whose means are joined: those of a random search are all different
MAX_NAME = 18  # characters of a label
TOP_OF_AXES, BOTTOM_OF_AXES = 34, 304  # of parallel coordinates, in SVG units
SLANTED = 62  # SVG units for slanted labels below the x axis
APART = 9.0  # SVG units between the colours at one value of a hyperparameter


@dataclass(frozen=True)
class Mark:
    """One run in a scatter plot: position, colour, row in the leaderboard, and the text shown under the pointer."""

    x: float
    y: float
    colour: str
    row: str
    tooltip: str


@dataclass(frozen=True)
class Scatter:
    """The objective against one hyperparameter, coloured by another: a mark for each run.

    Attributes:
        means: of the rows with several runs.
        links: (colour, path) of lines through the means of one colour.
        scale: what the colours mean.
    """

    title: str
    x_label: str
    marks: list[Mark]
    means: list[Mark]
    links: list[tuple[str, str]]
    scale: ColourScale
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    aria_label: str
    left: float
    slanted: bool
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
    row: str
    label: str


def scatter(
    title: str, y_label: str, groups: Sequence[Group], scale: ColourScale, show: Callable[[Any], str]
) -> Scatter:
    """Return a scatter plot of the results against the hyperparameter ``title``.

    Numbers have a numeric axis; other values are categories side by side.
    """
    rows = list(zip(groups, scale.colours, scale.groups, strict=True))
    # The y axis is of all runs, also those without the key, so that the charts of all keys have the same scale.
    results = [value for group in groups for value in group.results]
    y_axis = linear_axis(results)
    y_marks = y_ticks(y_axis)
    left = left_margin(y_marks)
    connected, slanted = numeric([group.value for group in groups]), False
    if connected:
        # A row without the key has no place on a numeric axis.
        rows = [each for each in rows if each[0].value != MISSING]
        values = [float(group.value) for group, *_ in rows]
        connected = len(set(values)) <= MAX_LINKED
        axis = hyperparameter_axis(values, logarithmic(values))
        positions = [axis.position(value, left + 8, RIGHT - 8) for value in values]
        x_ticks = [Tick(round(axis.position(value, left + 8, RIGHT - 8), 1), tick_label(value)) for value in axis.ticks]
    else:
        labels = sorted({show(group.value) for group in groups})
        # Each category has a strip of equal width, and its runs are in the middle of it.
        middle = {label: left + (index + 0.5) * (RIGHT - left) / len(labels) for index, label in enumerate(labels)}
        positions = [middle[show(group.value)] for group, *_ in rows]
        # A character is about 7 units wide. Labels that have no room side by side are slanted.
        slanted = any(7 * (len(label) + 1) > (RIGHT - left) / len(labels) for label in labels)
        x_ticks = [Tick(round(position, 1), _cut(label, 14)) for label, position in middle.items()]
    # Groups of different colours stand side by side.
    count = max(len(scale.entries), 1)
    positions = [
        position + (index - (count - 1) / 2) * min(APART, 40 / count)
        for position, (*_, index) in zip(positions, rows, strict=True)
    ]

    def height(value: float) -> float:
        return round(y_axis.position(value, BOTTOM, TOP), 1)

    # Rounded to a tenth of a unit, less than a pixel, to keep the page small.
    placed = [(round(position, 1), *each) for position, each in zip(positions, rows, strict=True)]
    centres: dict[tuple[str, float], list[float]] = {}
    for position, group, own, _ in placed:
        centres.setdefault((own, position), []).append(math.fsum(group.results) / len(group.results))
    links = []
    for _, own in scale.entries if connected else []:
        line = sorted((x, height(math.fsum(found) / len(found))) for (of, x), found in centres.items() if of == own)
        if len(line) > 1:
            links.append((own, "M" + "L".join(f"{x} {y}" for x, y in line)))
    return Scatter(
        title,
        "",  # the title of the chart names the x axis already
        [
            Mark(position, height(value), own, group.row, f"{group.label}: {y_label} {value:.4g}")
            for position, group, own, _ in placed
            for value in group.results
        ],
        [
            Mark(position, height(math.fsum(group.results) / len(group.results)), own, group.row, "")
            for position, group, own, _ in placed
            if len(group.results) > 1  # the mean of one run is the run
        ],
        links,
        scale,
        x_ticks,
        y_marks,
        f"{y_label} against {title}, {len(results)} runs" + (f", coloured by {scale.key}" if scale.key else ""),
        left,
        slanted,
        height=HEIGHT + (SLANTED if slanted else 0),
    )


@dataclass(frozen=True)
class VerticalAxis:
    """One axis of parallel coordinates; its short name fits beside the others."""

    position: float
    name: str
    short: str
    ticks: list[Tick]


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates: a vertical axis for each hyperparameter and the objective, a line for each row.

    Attributes:
        stops: colours of the last axis, from its lower to its upper end; none if all values of the objective are equal.
    """

    axes: list[VerticalAxis]
    lines: list[Line]
    stops: list[str]
    aria_label: str
    width: int
    height: int = field(default=320)
    top: int = field(default=TOP_OF_AXES)
    bottom: int = field(default=BOTTOM_OF_AXES)


def parallel(names: Sequence[str], columns: Sequence[Sequence[Any]], rows: Sequence[Group], show: Any) -> Parallel:
    """Return parallel coordinates of the rows, which are sorted from best to worst.

    Args:
        names: of the axes; the last one is the objective.
        columns: for each name the value of each row.
        rows: label and rank of each line.
        show: formats a value.
    """
    scales = [vertical_scale(values, show) for values in columns]
    # Labels are left of their axis, those of the last one to the right.
    margin = 20 + 7 * max(min(len(text), MAX_NAME) for _, text in scales[0][1])
    between, right = 128, 90
    width = max(margin + right + between * (len(names) - 1), 420)
    step = (width - margin - right) / max(len(names) - 1, 1)
    shorts = [name.rpartition(".")[2] for name in names]

    def down(height: float) -> float:
        """Map a height in [0, 1] to an SVG coordinate, which grows downwards."""
        return round(BOTTOM_OF_AXES + height * (TOP_OF_AXES - BOTTOM_OF_AXES), 1)

    axes, heights = [], []
    for index, (name, (relative, labels)) in enumerate(zip(names, scales, strict=True)):
        heights.append([down(height) for height in relative])
        ticks = [Tick(down(height), _cut(text)) for height, text in labels]
        short = name if shorts.count(shorts[index]) > 1 or index == len(names) - 1 else shorts[index]
        axes.append(VerticalAxis(round(margin + index * step, 1), name, _cut(short), ticks))
    lines = []
    for index in reversed(range(len(rows))):  # SVG draws in this order, so the best row is on top
        points = [f"{axis.position} {column[index]}" for axis, column in zip(axes, heights, strict=True)]
        row, own = rows[index], ramp(scales[-1][0][index])
        lines.append(Line(row.label, "own", row.row, "M" + "L".join(points), "", [], "", own))
    varied = len(set(scales[-1][0])) > 1
    stops = [ramp(place / 4) for place in range(5)] if varied else []
    return Parallel(axes, lines, stops, f"Parallel coordinates of {', '.join(names)}: {len(rows)} rows", width)


def _cut(text: str, most: int = MAX_NAME) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def vertical_scale(values: Sequence[Any], show: Callable[[Any], str]) -> tuple[list[float], list[tuple[float, str]]]:
    """Return the heights of values in [0, 1] on a vertical axis, and the labels of the axis with their heights."""
    # A missing value has no place on a numeric axis, but every line must cross every axis: it becomes a category.
    if numeric(values) and MISSING not in values:
        numbers = [float(value) for value in values]
        heights = places(numbers)
        named = {height: show(value) for height, value in zip(heights, values, strict=True)}
        # Few values are all named, if their labels do not touch each other; else the lowest and the highest.
        marks = sorted(named)
        if len(marks) > 6 or any(above - below < 1 / MAX_LABELS for below, above in pairwise(marks)):
            marks = [marks[0], marks[-1]]
        return heights, [(mark, named[mark]) for mark in marks]
    labels = sorted({show(value) for value in values})
    steps = {label: index / max(len(labels) - 1, 1) for index, label in enumerate(labels)}
    every = math.ceil(len(labels) / MAX_LABELS)
    marked = [(height, label) for label, height in steps.items()][::every]
    return [steps[show(value)] for value in values], marked
