"""PNG files of a report: objective by hyperparameter, parallel coordinates, learning curves, importance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from netyard.metrics.intervals import mean
from netyard.plots.figure import ACCENT, GREY, WHITE, colour, escape, save
from netyard.reports.colour_scale import ColourScale, by_second_key, logarithmic, numeric, ramp
from netyard.reports.configurations import Row, Table
from netyard.reports.curves import Curve, learning_curve
from netyard.reports.hyperparameter_charts import vertical_scale
from netyard.reports.importance import importances
from netyard.reports.tables import shown
from netyard.run_directories.records import MISSING

CURVES = 6  # rows whose learning curves are drawn
MAX_TICKS = 6  # values of a hyperparameter that are all named on its axis
MAX_LABEL = 28  # characters
MARKERS = "os^Dvp"  # of groups, beside their colours
APART = 7.0  # points between the groups at one value of a hyperparameter


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
    """Draw a point for each run, coloured by a second key, and a bar for the mean of each row with several runs."""
    scale = by_second_key(table, key, shown)
    cells = [row.cells[key] for row in table.rows]
    if numeric(cells):
        # A row without the key has no place on a numeric axis.
        kept = [index for index, cell in enumerate(cells) if cell != MISSING]
        places = {index: float(cells[index]) for index in kept}
        if logarithmic(list(places.values())):
            axes.set_xscale("log")
        if len(values := sorted({cell for cell in cells if cell != MISSING})) <= MAX_TICKS:
            axes.set_xticks([float(value) for value in values], [shown(value) for value in values])
            axes.minorticks_off()
        axes.margins(x=0.1)
    else:
        labels = sorted({shown(cell) for cell in cells})
        places = {index: float(labels.index(shown(cell))) for index, cell in enumerate(cells)}
        turned = len(labels) > 8 or sum(map(len, labels)) > 60
        axes.set_xticks(range(len(labels)), [_cut(label, 20) for label in labels], rotation=90 if turned else 0)
        axes.set_xlim(-0.6, len(labels) - 0.4)  # the same margin on both sides, also with one category
    # What is moved aside below has no part in the limits of the axes.
    every = [(place, value) for index, place in places.items() for value in table.rows[index].values(table.ranked.name)]
    axes.plot(*zip(*every, strict=True), linestyle="")
    # Many values, as those of a random search, are all different, and a line through them would be noise.
    connected = numeric(cells) and len(set(places.values())) <= MAX_TICKS
    for group in sorted(set(scale.groups)):
        _draw_group(axes, table, scale, group, places, connected)
    _explain(axes, scale)
    axes.set_xlabel(escape(key))
    axes.set_ylabel(escape(table.ranked.name))
    axes.grid(axis="y")


def _draw_group(
    axes: Any, table: Table, scale: ColourScale, group: int, places: Mapping[int, float], connected: bool
) -> None:
    """Draw the rows of one colour, beside those of the others."""
    from matplotlib.transforms import ScaledTranslation

    count = max(len(scale.entries), 1)
    aside = ScaledTranslation((group - (count - 1) / 2) * APART / 72, 0, axes.figure.dpi_scale_trans)
    moved, marker = axes.transData + aside, MARKERS[group % len(MARKERS)]
    rows = [index for index in places if scale.groups[index] == group]
    centres: dict[float, list[float]] = {}
    for index in rows:
        values, own = table.rows[index].values(table.ranked.name), scale.colours[index]
        centres.setdefault(places[index], []).append(mean(values))
        at, several = [places[index]] * len(values), len(values) > 1
        # The mean of one run is the run.
        if several:
            axes.scatter(at[:1], [mean(values)], marker="_", s=130, linewidths=2, color=own, transform=moved, zorder=4)
        axes.scatter(
            at,
            values,
            marker=marker,
            s=24,
            color=own,
            alpha=0.5 if several else 0.9,
            linewidths=0,
            transform=moved,
            zorder=3,
        )
    if connected and scale.entries and len(centres) > 1:
        line = [(place, mean(centres[place])) for place in sorted(centres)]
        axes.plot(
            *zip(*line, strict=True), color=scale.entries[group][1], linewidth=1, alpha=0.6, transform=moved, zorder=2
        )


def _explain(axes: Any, scale: ColourScale) -> None:
    """Draw a legend of the second key, or a colour bar if it has many values."""
    from matplotlib.lines import Line2D

    if scale.entries:
        handles = [
            Line2D(
                [], [], marker=MARKERS[group % len(MARKERS)], linestyle="", markersize=5, color=own, label=_cut(value)
            )
            for group, (value, own) in enumerate(scale.entries)
        ]
        # Beside the axes: inside, it would hide points.
        axes.legend(
            handles=handles, title=_cut(scale.key), loc="upper left", bbox_to_anchor=(1.0, 1.0), title_fontsize=8
        )
    elif scale.key:
        _colour_bar(axes, _cut(scale.key), scale.ends)


def _colour_bar(axes: Any, name: str, ends: tuple[str, str]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("ramp", [ramp(place / 8) for place in range(9)])
    bar = axes.figure.colorbar(ScalarMappable(cmap=shades), ax=axes, aspect=30, pad=0.03)
    bar.set_ticks([0, 1], labels=[escape(end) for end in ends], fontsize=8)
    bar.set_label(name)
    bar.outline.set_visible(False)


def _parallel(table: Table, axes: Any) -> None:
    """Draw a line for each row across a vertical axis for each key and the objective, coloured by the objective."""
    name = table.ranked.name
    means = [mean(row.values(name)) for row in table.rows]
    heights, scales = [], []
    # One axis for each key, and the means of the objective as the last.
    for values in (*([row.cells[key] for row in table.rows] for key in table.columns), means):
        placed, ticks = vertical_scale(values, shown)
        heights.append(placed)
        scales.append(ticks)
    higher = table.ranked.mode == "max"
    order = sorted(range(len(table.rows)), key=means.__getitem__, reverse=not higher)
    for index in order:  # the best is drawn last, on top
        line = [column[index] for column in heights]
        axes.plot(range(len(line)), line, color=ramp(heights[-1][index]), alpha=0.85, linewidth=1.6)
    for place, ticks in enumerate(scales):
        axes.axvline(place, color=colour(GREY), linewidth=0.8, zorder=0)
        last = place == len(scales) - 1
        for height, text in ticks:
            # On a white ground, because lines run through the place of the label.
            axes.annotate(
                _cut(text),
                (place, height),
                xytext=(6 if last else -6, 0),
                textcoords="offset points",
                fontsize=8,
                ha="left" if last else "right",
                va="center",
                zorder=5,
                bbox={"facecolor": colour(WHITE), "edgecolor": "none", "alpha": 0.85, "pad": 1.2},
            )
    axes.set_xticks(range(len(scales)), [*map(_cut, table.columns), escape(name)], fontsize=8)
    axes.tick_params(axis="x", length=0)
    axes.set_yticks([])
    axes.set_xlim(-0.45, len(scales) - 0.6)
    axes.set_ylim(-0.05, 1.05)
    axes.spines[["left", "bottom"]].set_visible(False)
    if min(means) < max(means):
        _colour_bar(
            axes,
            f"{escape(name)} ({'higher' if higher else 'lower'} is better)",
            (shown(min(means)), shown(max(means))),
        )


def _curves(name: str, curves: Sequence[tuple[str, Curve]], axes: Any) -> None:
    """Draw mean curves with a band of one standard deviation."""
    for index, (label, curve) in enumerate(curves):
        epochs, centres, spreads = zip(*curve, strict=True)
        marker = MARKERS[index % len(MARKERS)] if len(curve) <= 30 else None  # a single point has no line
        (line,) = axes.plot(epochs, centres, label=label, marker=marker, markersize=4, zorder=3 - index / 100)
        if spreads[0] is not None:  # None in all epochs if the row has a single run
            low = [centre - spread for centre, spread in zip(centres, spreads, strict=True)]
            high = [centre + spread for centre, spread in zip(centres, spreads, strict=True)]
            axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.13, linewidth=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel(escape(name))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid()
    columns = 1 if len(curves) < 4 or max(len(label) for label, _ in curves) > 40 else 2
    # Below the axes: inside, it would hide curves.
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0.0, -0.13), ncols=columns)


def _label(rank: int, row: Row) -> str:
    settings = ", ".join(f"{key.rpartition('.')[2]}={shown(value)}" for key, value in row.cells.items())
    return _cut(f"{rank}, n={len(row.runs)}: {settings}".rstrip(": "), 80)


def _cut(text: str, most: int = MAX_LABEL) -> str:
    return escape(text if len(text) <= most else f"{text[: most - 1]}…")


def _bars(weights: dict[str, float], axes: Any) -> None:
    keys = sorted(weights, key=lambda key: weights[key])
    axes.barh([escape(key) for key in keys], [weights[key] for key in keys], color=colour(ACCENT))
    axes.set_xlabel("share of the objective's variance (fANOVA)")


def _slug(name: str) -> str:
    """Return a name in a form that is safe in a file name."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_")
