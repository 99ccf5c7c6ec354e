"""A sweep as a page of its own: the leaderboard, learning curves with bands over seeds, and what its keys did."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from netyard.io.readable import short_path
from netyard.metrics.intervals import MIN_VALUES, deviation, interval, mean
from netyard.reports.charts import Chart, Group, Series, line_chart, parallel, scatter
from netyard.reports.configurations import Row, Table
from netyard.reports.curves import learning_curve
from netyard.reports.files import object_of
from netyard.reports.importance import importances
from netyard.reports.page import Tile, duration, render
from netyard.reports.tables import metrics_beside, remarks, scores, shown
from netyard.run_directories.records import MISSING, Run, overrides, sweep_state

CURVES = 6  # rows whose learning curves are drawn
MOST_ROWS = 500  # of the leaderboard; leaderboard.csv has all
MOST_LINES = 200  # of the parallel coordinates: more hide each other
MOST_KEYS, MOST_TESTS, MOST_ENDED = 12, 4, 100
GOOD = ("completed", "running")


def sweep_page(path: Path, tables: Sequence[Table], runs: Sequence[Run], notes: Sequence[str]) -> str:
    """The HTML of one sweep, finished or not.

    Args:
        path: the sweep's directory.
        tables: of its completed runs, see ``tabulate``.
        runs: all of its jobs.
        notes: what could not be read.
    """
    notes = list(notes)
    ledger, state = object_of(path / "sweep.json"), sweep_state(path)
    boards = [_board(table) for table in tables]
    importance = [
        (
            name,
            [
                {"name": key, "percent": f"{100 * weights[key]:.1f}"}
                for key in sorted(weights, key=weights.__getitem__)[::-1]
            ],
        )
        for name, weights in importances([path], notes).items()
    ]
    counts = Counter("stale" if run.stale else run.state for run in runs)
    ended = [
        (short_path(run.path), "stale" if run.stale else run.state, run.reason or MISSING)
        for run in runs
        if run.state not in (*GOOD, "pending")
    ]
    sections = [("leaderboard", "Leaderboard")] if boards else []
    sections += [("curves", "Curves")] if boards and (boards[0]["curves"] or boards[0]["parallel"]) else []
    sections += [("hyperparameters", "Hyperparameters")] if boards and boards[0]["scatters"] else []
    sections += [("importance", "Importance")] if importance else []
    return render(
        "sweep.html",
        f"Sweep of {_common(runs, 'model')} on {_common(runs, 'data')}",
        [*sections, ("runs", "Runs")],
        state=state,
        state_kind=state if state in GOOD else "bad",
        lead=_lead(ledger, tables, runs),
        place=short_path(path),
        remark=_remark(state),
        tiles_found=list(_tiles(ledger, tables, runs, counts)),
        commands=list(_commands(path, ledger, tables, state)),
        boards=boards,
        importance=importance,
        counts=", ".join(f"{count} {state}" for state, count in counts.most_common()) + ".",
        ended=ended[:MOST_ENDED],
        notes=[*dict.fromkeys(notes)],
    )


def _board(table: Table) -> dict[str, Any]:
    """One leaderboard with its charts."""
    rows, name = table.rows, table.ranked.name
    groups = _groups(table)
    names = (name, *(aim.name for aim in rows[0].runs[0].objectives))  # a test has no curve
    return {
        "name": name,
        "direction": "higher" if table.ranked.mode == "max" else "lower",
        **_leaderboard(table),
        "remarks": remarks(table),
        "curves": next(filter(None, (_curves(table, each) for each in dict.fromkeys(names))), None),
        "parallel": _parallel(table, groups) if len(rows) > 1 and table.columns else None,
        "scatters": [
            scatter(key, name, [_of_key(group, row, key) for group, row in zip(groups, rows, strict=True)], shown)
            for key in table.columns[:MOST_KEYS]
        ]
        if len(rows) > 1
        else [],
    }


def _leaderboard(table: Table) -> dict[str, Any]:
    name, rows = table.ranked.name, table.rows[:MOST_ROWS]
    columns: list[tuple[str, list[Any], list[str]]] = [("#", [*range(1, len(rows) + 1)], [])]
    columns += [
        (key, [row.cells[key] for row in rows], [shown(row.cells[key]) for row in rows]) for key in table.columns
    ]
    for metric in (name, *(other.name for other in table.others)):
        columns.append((metric, _means(rows, metric), scores(rows, metric)))
    if any(len(row.runs) >= MIN_VALUES for row in rows):
        found = [interval(row.values(name)) for row in rows]
        texts_found = [MISSING if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}" for ends in found]
        columns.append(("95 % interval", [MISSING if ends is None else ends[0] for ends in found], texts_found))
    columns.append(("n", [len(row.values(name)) for row in rows], []))
    for metric in metrics_beside(table)[:MOST_TESTS]:
        columns.append((metric, _means(rows, metric), scores(rows, metric)))
    columns.append(("best run", [short_path(row.runs[0].path) for row in rows], []))
    head = [{"name": title, "number": all(_is_number(value) for value in values)} for title, values, _ in columns]
    cells = [
        [
            {"value": str(values[index]), "text": texts[index] if texts else str(values[index])}
            for _, values, texts in columns
        ]
        for index in range(len(rows))
    ]
    return {"head": head, "rows": [{"row": str(rank), "cells": row} for rank, row in enumerate(cells, start=1)]}


def _means(rows: Sequence[Row], metric: str) -> list[Any]:
    return [mean(values) if (values := row.values(metric)) else MISSING for row in rows]


def _is_number(value: Any) -> bool:
    return value == MISSING or (isinstance(value, int | float) and not isinstance(value, bool))


def _groups(table: Table) -> list[Group]:
    """Of every row its rank's strength, its label and what its runs reached."""
    last = max(len(table.rows) - 1, 1)
    return [
        Group(None, row.values(table.ranked.name), round(1 - index / last, 3), str(index + 1), _label(index + 1, row))
        for index, row in enumerate(table.rows)
    ]


def _of_key(group: Group, row: Row, key: str) -> Group:
    return Group(row.cells[key], group.results, group.strength, group.row, group.label)


def _curves(table: Table, name: str) -> Chart | None:
    """The best rows' means over their runs, one deviation around each."""
    rows = table.rows[:CURVES]
    last = max(len(rows) - 1, 1)
    series = []
    for index, row in enumerate(rows):
        if curve := learning_curve(row, name):
            series.append(
                Series(
                    _label(index + 1, row),
                    [(epoch, value) for epoch, value, _ in curve],
                    [spread for *_, spread in curve],
                    "ranked",
                    round(1 - index / last, 3),
                    str(index + 1),
                )
            )
    return line_chart(name, series) if series else None


def _parallel(table: Table, groups: Sequence[Group]) -> Any:
    rows, name = table.rows[:MOST_LINES], table.ranked.name
    columns = [[row.cells[key] for row in rows] for key in table.columns[:MOST_KEYS]]
    columns.append([mean(row.values(name)) for row in rows])
    return parallel([*table.columns[:MOST_KEYS], name], columns, groups[:MOST_LINES], shown)


def _label(rank: int, row: Row) -> str:
    settings = ", ".join(f"{key.rpartition('.')[2]}={shown(value)}" for key, value in row.cells.items())
    label = f"{rank}: {settings}" if settings else f"n = {len(row.runs)}"
    return label if len(label) <= 60 else f"{label[:59]}…"


def _lead(ledger: Mapping[str, Any], tables: Sequence[Table], runs: Sequence[Run]) -> str:
    axes = [str(axis) for axis in ledger.get("axes") or ()]
    parts = [f"{len(runs)} runs"]
    if axes:
        parts[0] += f" over {', '.join(axes)}"
    if sweeper := ledger.get("sweeper"):
        parts.append(f"searched by {sweeper}")
    if started := ledger.get("started"):
        parts.append(f"begun {str(started)[:16].replace('T', ' ')}")
    return ", ".join(parts) + "."


def _remark(state: str) -> str:
    if state == "running":
        return "The sweep has not ended: this page shows what its jobs had written so far; make it again for more."
    return "" if state == "completed" else "The sweep has not come to its end: what is below is of the runs that have."


def _tiles(
    ledger: Mapping[str, Any], tables: Sequence[Table], runs: Sequence[Run], counts: Mapping[str, int]
) -> Iterator[Tile]:
    for table in tables[:2]:
        best, name = table.rows[0], table.ranked.name
        spread = deviation(best.values(name))
        remark = f"mean of {len(best.runs)}" + (f", ± {spread:.2g}" if spread is not None else "")
        yield Tile(
            f"best {name}", f"{mean(best.values(name)):.4g}", remark if len(best.runs) > 1 else "one run", accent=True
        )
        for key in table.columns[:3]:
            yield Tile(key, shown(best.cells[key]), "of the best")
        tests = [each for each in metrics_beside(table) if each.startswith("test/") and best.values(each)][:1]
        for each in tests:
            yield Tile(each, f"{mean(best.values(each)):.4g}", "of the best")
    rest = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "completed")
    yield Tile("runs completed", f"{counts.get('completed', 0)} of {len(runs)}", rest)
    if (seconds := _seconds(ledger)) is not None:
        yield Tile("time", duration(seconds))


def _seconds(ledger: Mapping[str, Any]) -> float | None:
    try:
        started, ended = (datetime.fromisoformat(str(ledger[key])) for key in ("started", "ended"))
        seconds = (ended - started).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
    return seconds if seconds >= 0 and math.isfinite(seconds) else None


def _commands(path: Path, ledger: Mapping[str, Any], tables: Sequence[Table], state: str) -> Iterator[str]:
    """The sweep, what continues it, and its best run alone."""
    arguments = ledger.get("arguments")
    if isinstance(arguments, list):
        yield " ".join(["python train.py -m", *(shlex.quote(str(text)) for text in arguments)])
    if state not in GOOD:
        yield f"python train.py -m {shlex.quote(f'resume={path}')}"
    for table in tables[:1]:
        best = table.rows[0].runs[0].path
        if typed := overrides(best, []):
            yield " ".join(["python train.py", *(shlex.quote(text) for text in typed)])


def _common(runs: Sequence[Run], key: str) -> str:
    """The options of a group that the runs have, or their number if there are more than three."""
    found = list(dict.fromkeys(str(run.value(key)) for run in runs if run.choices))
    if len(found) <= 3:
        return ", ".join(found) or MISSING
    return f"{len(found)} {'models' if key == 'model' else 'data sets'}"
