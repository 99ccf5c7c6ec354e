"""A report's pictures: the objective against each hyperparameter, parallel coordinates, learning curves, importance."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from netyard.metrics.intervals import deviation, mean
from netyard.plots.chart import save
from netyard.reports.configurations import Row, Table
from netyard.reports.importance import importances
from netyard.reports.tables import shown
from netyard.runs.records import MISSING, Run

CURVES = 6  # rows whose learning curves are drawn
LOG_FROM = 10.0  # largest by smallest, from which an axis is logarithmic

Curve = list[tuple[int, float, float | None]]


def draw(tables: Sequence[Table], folder: Path, places: Sequence[Path], notes: list[str]) -> list[Path]:
    """Every picture that the tables allow, as PNG in a folder; returns the files, in the order they were drawn."""
    written: list[Path] = []
    for table in tables:
        # Beside each other, tables must not draw into one file.
        prefix = f"{_slug(table.ranked.name)}_" if len(tables) > 1 else ""
        written += _draw(table, folder, prefix)
    for name, weights in importances(places, notes).items():
        suffix = f"_{_slug(name)}" if name else ""
        written.append(save(folder / f"parameter_importance{suffix}.png", partial(_bars, weights)))
    return written


def _draw(table: Table, folder: Path, prefix: str) -> list[Path]:
    written = []
    if len(table.rows) > 1:
        for key in table.columns:
            path = folder / f"{prefix}objective_by_{_slug(key)}.png"
            written.append(save(path, partial(_against, table, key)))
        width = min(2.5 + 1.6 * (len(table.columns) + 1), 24.0)
        written.append(save(folder / f"{prefix}parallel_coordinates.png", partial(_parallel, table), width))
    names = (table.ranked.name, *(aim.name for aim in table.rows[0].runs[0].objectives))  # a test has no curve
    for name in dict.fromkeys(names):
        ranks = enumerate(table.rows[:CURVES], start=1)
        if curves := [(_label(rank, row), curve) for rank, row in ranks if (curve := learning_curve(row, name))]:
            written.append(save(folder / f"{prefix}learning_curves.png", partial(_curves, name, curves)))
            break
    return written


def learning_curve(row: Row, name: str) -> Curve:
    """(epoch, mean, deviation) over the row's runs, of the epochs in which every run has the metric.

    An epoch that only the longer runs reached would show who they are, not what they learned.
    """
    points: dict[int, list[float]] = {}
    for run in row.runs:
        for epoch, value in column(run, name):
            points.setdefault(epoch, []).append(value)
    whole_epochs = sorted(epoch for epoch, values in points.items() if len(values) == len(row.runs))
    return [(epoch, mean(points[epoch]), deviation(points[epoch])) for epoch in whole_epochs]


def column(run: Run, name: str) -> list[tuple[int, float]]:
    """(epoch, value) of a metric in ``metrics.csv``; nothing where there is none."""
    try:
        with (run.path / "metrics.csv").open(newline="", encoding="utf-8") as file:
            return [(int(line["epoch"]), float(line[name])) for line in csv.DictReader(file) if line.get(name)]
    except (OSError, ValueError, KeyError):
        return []  # a torn file costs a curve, not a report


def numeric(values: Sequence[Any]) -> bool:
    """Whether a hyperparameter's values lie on a line; those a run does not have do not count."""
    present = [value for value in values if value != MISSING]
    return bool(present) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)


def logarithmic(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= LOG_FROM


def _against(table: Table, key: str, axes: Any) -> None:
    """Every run a point, every row's mean a short line; numbers on an axis, anything else in strips."""
    name = table.ranked.name
    cells = [row.cells[key] for row in table.rows]
    if numeric(cells):
        rows = [row for row in table.rows if row.cells[key] != MISSING]
        places = [float(row.cells[key]) for row in rows]
        if logarithmic(places):
            axes.set_xscale("log")
        axes.scatter(places, [mean(row.values(name)) for row in rows], marker="_", s=240, color="black", zorder=3)
    else:
        rows, labels = table.rows, sorted({shown(cell) for cell in cells})
        places = [float(labels.index(shown(cell))) for cell in cells]
        axes.scatter(places, [mean(row.values(name)) for row in rows], marker="_", s=240, color="black", zorder=3)
        axes.set_xticks(range(len(labels)), labels, rotation=90 if len(labels) > 8 else 0)
        axes.set_xlim(-0.6, len(labels) - 0.4)
    for place, row in zip(places, rows, strict=True):
        values = row.values(name)
        axes.scatter([place] * len(values), values, s=22, alpha=0.55, color="tab:blue", linewidths=0)
    axes.set_xlabel(key)
    axes.set_ylabel(name)
    axes.grid(axis="y", alpha=0.25)


def _parallel(table: Table, axes: Any) -> None:
    """A line for each row across one upright axis for each key and the objective; bright is good."""
    from matplotlib import colormaps

    name = table.ranked.name
    means = [mean(row.values(name)) for row in table.rows]
    heights, scales = [], []
    for values in (*([row.cells[key] for row in table.rows] for key in table.columns), means):
        placed, ticks = _placed(values)
        heights.append(placed)
        scales.append(ticks)
    quality = heights[-1] if table.ranked.mode == "max" else [1 - height for height in heights[-1]]
    for index in sorted(range(len(table.rows)), key=lambda index: quality[index]):  # the best on top
        line = [column[index] for column in heights]
        axes.plot(range(len(line)), line, color=colormaps["viridis"](quality[index]), alpha=0.8, linewidth=1.6)
    for place, ticks in enumerate(scales):
        axes.axvline(place, color="black", linewidth=0.8, zorder=0)
        for height, text in ticks:
            axes.annotate(text, (place, height), xytext=(4, 0), textcoords="offset points", fontsize=8, va="center")
    axes.set_xticks(range(len(scales)), [*table.columns, name], fontsize=8)
    axes.set_yticks([])
    axes.set_ylim(-0.05, 1.05)
    axes.spines[["left", "bottom"]].set_visible(False)


def _placed(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights in [0, 1] on one upright axis, and what is written beside it where."""
    if numeric(values) and MISSING not in values:
        numbers = [float(value) for value in values]
        scale: Callable[[float], float] = math.log if logarithmic(numbers) else float
        low, high = scale(min(numbers)), scale(max(numbers))
        heights = [(scale(number) - low) / (high - low) if high > low else 0.5 for number in numbers]
        return heights, list({min(heights): shown(min(values)), max(heights): shown(max(values))}.items())
    labels = sorted({shown(value) for value in values})
    steps = {label: place / max(len(labels) - 1, 1) for place, label in enumerate(labels)}
    return [steps[shown(value)] for value in values], [(height, label) for label, height in steps.items()]


def _curves(name: str, curves: Sequence[tuple[str, Curve]], axes: Any) -> None:
    for label, curve in curves:
        epochs, centres, spreads = zip(*curve, strict=True)
        (line,) = axes.plot(epochs, centres, label=label, marker="." if len(curve) < 3 else None)
        if spreads[0] is not None:
            low = [centre - spread for centre, spread in zip(centres, spreads, strict=True)]
            high = [centre + spread for centre, spread in zip(centres, spreads, strict=True)]
            axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7)


def _label(rank: int, row: Row) -> str:
    settings = ", ".join(f"{key}={shown(value)}" for key, value in row.cells.items())
    return f"{rank}, n={len(row.runs)}: {settings}"[:70].rstrip(": ")


def _bars(weights: dict[str, float], axes: Any) -> None:
    keys = sorted(weights, key=lambda key: weights[key])
    axes.barh(keys, [weights[key] for key in keys], color="tab:blue")
    axes.set_xlabel("share of the objective's variance (fANOVA)")


def _slug(name: str) -> str:
    """A name as a part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_")
