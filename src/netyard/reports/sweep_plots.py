"""PNG files of a report: objective by hyperparameter, parallel coordinates, learning curves, importance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from netyard.metrics.intervals import mean
from netyard.plots.figure import ACCENT, DARK, LIGHT_GREY, colour, escape, save
from netyard.reports.configurations import Row, Table
from netyard.reports.curves import Curve, learning_curve
from netyard.reports.hyperparameter_charts import logarithmic, numeric, vertical_scale
from netyard.reports.importance import importances
from netyard.reports.tables import shown
from netyard.run_directories.records import MISSING

CURVES = 6  # rows whose learning curves are drawn


def draw(tables: Sequence[Table], folder: Path, places: Sequence[Path], notes: list[str]) -> list[Path]:
    """Draw all plots of the tables as PNG files into a folder.

    Args:
        tables: of the completed runs.
        folder: is created.
        places: folders that are searched for Optuna studies.
        notes: messages on unreadable files are appended here.

    Returns:
        The files, in the order they were drawn.
    """
    written: list[Path] = []
    for table in tables:
        # With several tables each has its own prefix, so that they do not overwrite each other's files.
        prefix = f"{_slug(table.title)}_" if len(tables) > 1 else ""
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
        width = min(2.5 + 1.6 * (len(table.columns) + 1), 24.0)  # inches: 1.6 for each axis
        written.append(save(folder / f"{prefix}parallel_coordinates.png", partial(_parallel, table), width))
    # A test metric has no curve: then those of the runs' own objectives are tried.
    names = (table.ranked.name, *(objective.name for objective in table.rows[0].runs[0].objectives))
    for name in dict.fromkeys(names):
        ranks = enumerate(table.rows[:CURVES], start=1)
        if curves := [(_label(rank, row), curve) for rank, row in ranks if (curve := learning_curve(row, name))]:
            written.append(save(folder / f"{prefix}learning_curves.png", partial(_curves, name, curves)))
            break
    return written


def _against(table: Table, key: str, axes: Any) -> None:
    """Draw a point for each run and a short line for the mean of each row, on a numeric axis or by category."""
    name = table.ranked.name
    cells = [row.cells[key] for row in table.rows]
    if numeric(cells):
        # A row without the key has no place on a numeric axis.
        rows = [row for row in table.rows if row.cells[key] != MISSING]
        places = [float(row.cells[key]) for row in rows]
        if logarithmic(places):
            axes.set_xscale("log")
        axes.scatter(places, [mean(row.values(name)) for row in rows], marker="_", s=240, color=colour(DARK), zorder=3)
    else:
        rows, labels = table.rows, sorted({shown(cell) for cell in cells})
        places = [float(labels.index(shown(cell))) for cell in cells]
        axes.scatter(places, [mean(row.values(name)) for row in rows], marker="_", s=240, color=colour(DARK), zorder=3)
        axes.set_xticks(range(len(labels)), [*map(escape, labels)], rotation=90 if len(labels) > 8 else 0)
        axes.set_xlim(-0.6, len(labels) - 0.4)  # the same margin on both sides, also with one category
    for place, row in zip(places, rows, strict=True):
        values = row.values(name)
        axes.scatter([place] * len(values), values, s=22, alpha=0.55, color=colour(ACCENT), linewidths=0)
    axes.set_xlabel(escape(key))
    axes.set_ylabel(escape(name))
    axes.grid(axis="y")


def _parallel(table: Table, axes: Any) -> None:
    """Draw a line for each row across a vertical axis for each key and the objective; better rows in darker colour."""
    from matplotlib.colors import LinearSegmentedColormap

    name = table.ranked.name
    shades = LinearSegmentedColormap.from_list("rank", [colour(LIGHT_GREY), colour(ACCENT)])
    means = [mean(row.values(name)) for row in table.rows]
    heights, scales = [], []
    # One axis for each key, and the means of the objective as the last.
    for values in (*([row.cells[key] for row in table.rows] for key in table.columns), means):
        placed, ticks = vertical_scale(values, shown)
        heights.append(placed)
        scales.append(ticks)
    # The height on the last axis is the quality in [0, 1], turned around if lower is better.
    quality = heights[-1] if table.ranked.mode == "max" else [1 - height for height in heights[-1]]
    for index in sorted(range(len(table.rows)), key=lambda index: quality[index]):  # the best is drawn last, on top
        line = [column[index] for column in heights]
        axes.plot(range(len(line)), line, color=shades(quality[index]), alpha=0.8, linewidth=1.6)
    for place, ticks in enumerate(scales):
        axes.axvline(place, color=colour(DARK), linewidth=0.8, zorder=0)
        for height, text in ticks:
            axes.annotate(
                escape(text), (place, height), xytext=(4, 0), textcoords="offset points", fontsize=8, va="center"
            )
    axes.set_xticks(range(len(scales)), [*map(escape, table.columns), escape(name)], fontsize=8)
    axes.set_yticks([])
    axes.set_ylim(-0.05, 1.05)
    axes.spines[["left", "bottom"]].set_visible(False)


def _curves(name: str, curves: Sequence[tuple[str, Curve]], axes: Any) -> None:
    """Draw mean curves with a band of one standard deviation."""
    for label, curve in curves:
        epochs, centres, spreads = zip(*curve, strict=True)
        (line,) = axes.plot(epochs, centres, label=label, marker="." if len(curve) < 3 else None)  # a point has no line
        if spreads[0] is not None:  # None in all epochs if the row has a single run
            low = [centre - spread for centre, spread in zip(centres, spreads, strict=True)]
            high = [centre + spread for centre, spread in zip(centres, spreads, strict=True)]
            axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel(escape(name))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid()
    axes.legend(fontsize=7)


def _label(rank: int, row: Row) -> str:
    settings = ", ".join(f"{key}={shown(value)}" for key, value in row.cells.items())
    return escape(f"{rank}, n={len(row.runs)}: {settings}"[:70].rstrip(": "))


def _bars(weights: dict[str, float], axes: Any) -> None:
    keys = sorted(weights, key=lambda key: weights[key])
    axes.barh([escape(key) for key in keys], [weights[key] for key in keys], color=colour(ACCENT))
    axes.set_xlabel("share of the objective's variance (fANOVA)")


def _slug(name: str) -> str:
    """Return a name in a form that is safe in a file name."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_")
