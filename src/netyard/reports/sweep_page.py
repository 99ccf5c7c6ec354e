"""The report page of a sweep: leaderboard, learning curves with bands over seeds, and charts of hyperparameters."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from netyard.config.overrides import argument
from netyard.io.process import train_command
from netyard.io.readable import short_path
from netyard.metrics.intervals import MIN_VALUES, deviation, interval, mean
from netyard.plots.figure import PALETTE
from netyard.reports.baselines import Baseline, best_of, direction
from netyard.reports.charts import Chart, Series, line_chart
from netyard.reports.colour_scale import by_second_key
from netyard.reports.configurations import Row, Table
from netyard.reports.curves import learning_curve
from netyard.reports.files import object_of
from netyard.reports.hyperparameter_charts import Group, parallel, scatter
from netyard.reports.importance import importances
from netyard.reports.page import Tile, duration, four_digits, render
from netyard.reports.tables import other_metrics, remarks, scores, shown, shown_metrics
from netyard.run_directories.data_set import unranked
from netyard.run_directories.records import MISSING, Run, overrides, sweep_state

MAX_CURVES = 6  # rows whose learning curves are drawn
MAX_ROWS = 500  # of the leaderboard; leaderboard.csv has all
MAX_LINES = 200  # of the parallel coordinates: more would hide each other
MAX_KEYS = 12  # hyperparameters with a chart
MAX_ENDED = 100  # failed or stopped jobs that are listed
GOOD = ("completed", "running")


def sweep_page(path: Path, tables: Sequence[Table], runs: Sequence[Run], notes: Sequence[str]) -> str:
    """Return the HTML page of a sweep, finished or not.

    Args:
        path: the sweep directory.
        tables: of its completed runs, see ``tabulate``.
        runs: all jobs of the sweep.
        notes: messages on files that could not be read.
    """
    notes = list(notes)  # a copy: importances() appends to it
    ledger, state = object_of(path / "sweep.json"), sweep_state(path)
    boards = [_board(table) for table in tables]
    importance = [
        (
            name,
            [
                {"name": key, "percent": f"{100 * weights[key]:.1f}"}
                for key in sorted(weights, key=weights.__getitem__)[::-1]  # the largest first
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
    # Only sections that are not empty are in the navigation.
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
        lead=_lead(ledger, runs),
        place=short_path(path),
        remark=_remark(state),
        tiles_found=list(_tiles(ledger, tables, runs, counts)),
        commands=list(_commands(path, ledger, tables, state)),
        boards=boards,
        importance=importance,
        counts=" ".join([", ".join(f"{count} {state}" for state, count in counts.most_common()) + ".", unranked(runs)]),
        ended=ended[:MAX_ENDED],
        notes=[*dict.fromkeys(notes)],  # each once
    )


def _board(table: Table) -> dict[str, Any]:
    """One leaderboard with its charts."""
    rows, name = table.rows, table.ranked.name
    groups = _groups(table)
    # A test metric has no curve: then those of the runs' own objectives are tried.
    names = (name, *(objective.name for objective in rows[0].runs[0].objectives))
    return {
        "name": table.title,
        "metric": name,
        "direction": "higher" if table.ranked.mode == "max" else "lower",
        **_leaderboard(table),
        "remarks": remarks(table),
        "curves": next(filter(None, (_curves(table, each) for each in dict.fromkeys(names))), None),
        "parallel": _parallel(table, groups) if len(rows) > 1 and table.columns else None,
        "scatters": [
            scatter(
                key,
                name,
                [_with_key(group, row, key) for group, row in zip(groups, rows, strict=True)],
                by_second_key(table, key, shown),
                shown,
            )
            for key in table.columns[:MAX_KEYS]
        ]
        if len(rows) > 1
        else [],
    }


def _leaderboard(table: Table) -> dict[str, Any]:
    """The header and the cells of the table."""
    name, rows = table.ranked.name, table.rows[:MAX_ROWS]
    below = table.baselines
    every: list[Row | Baseline] = [*rows, *below]
    # (title, values that the page sorts by, texts that it shows; none where the value is shown itself)
    columns: list[tuple[str, list[Any], list[str]]] = [("#", [*range(1, len(rows) + 1)], [])]
    columns += [
        (key, [row.cells[key] for row in rows], [shown(row.cells[key]) for row in rows]) for key in table.columns
    ]
    for metric in (name, *(other.name for other in table.others)):
        columns.append((metric, _means(every, metric), scores(every, metric)))
    if any(len(row.runs) >= MIN_VALUES for row in rows):  # an interval needs at least three runs
        found = [interval(row.values(name)) for row in rows]
        texts_found = [
            MISSING if ends is None else f"{four_digits(ends[0])} to {four_digits(ends[1])}" for ends in found
        ]
        columns.append(("95 % interval", [MISSING if ends is None else ends[0] for ends in found], texts_found))
    columns.append(("n", [len(row.values(name)) for row in rows], []))
    for metric in shown_metrics(table):
        columns.append((metric, _means(every, metric), scores(every, metric)))
    columns.append(("best run", [short_path(row.runs[0].path) for row in rows], []))
    header = [{"name": title, "number": all(_is_number(value) for value in values)} for title, values, _ in columns]
    cells = [
        [
            {
                # Of most columns a baseline has nothing, in which sorting leaves it below the rows.
                "value": str(values[index]) if index < len(values) else "",
                "text": str((texts or values)[index]) if index < len(values) else "",
            }
            for _, values, texts in columns
        ]
        for index in range(len(every))
    ]
    for baseline, own in zip(below, cells[len(rows) :], strict=True):
        own[0]["text"] = baseline.title
    ranks = [*map(str, range(1, len(rows) + 1)), *[""] * len(below)]
    return {"header": header, "rows": [{"row": rank, "cells": row} for rank, row in zip(ranks, cells, strict=True)]}


def _means(rows: Sequence[Row | Baseline], metric: str) -> list[Any]:
    """The mean of a metric in each row; ``MISSING`` if no run has it."""
    return [mean(values) if (values := row.values(metric)) else MISSING for row in rows]


def _is_number(value: Any) -> bool:
    return value == MISSING or (isinstance(value, int | float) and not isinstance(value, bool))


def _groups(table: Table) -> list[Group]:
    """Label and results of every row, without a value of a hyperparameter yet."""
    return [
        Group(None, row.values(table.ranked.name), str(rank), _label(rank, row))
        for rank, row in enumerate(table.rows, start=1)
    ]


def _with_key(group: Group, row: Row, key: str) -> Group:
    """The same group with its value of a hyperparameter."""
    return replace(group, value=row.cells[key])


def _curves(table: Table, name: str) -> Chart | None:
    """The mean curves of the best rows, with a band of one standard deviation over their runs."""
    series = []
    for index, row in enumerate(table.rows[:MAX_CURVES]):
        if curve := learning_curve(row, name):
            series.append(
                Series(
                    _label(index + 1, row),
                    [(epoch, value) for epoch, value, _ in curve],
                    [spread for *_, spread in curve],
                    "own",
                    str(index + 1),
                    PALETTE[index % len(PALETTE)],
                )
            )
    return line_chart(name, series) if series else None


def _parallel(table: Table, groups: Sequence[Group]) -> Any:
    rows, name = table.rows[:MAX_LINES], table.ranked.name
    columns = [[row.cells[key] for row in rows] for key in table.columns[:MAX_KEYS]]
    columns.append([mean(row.values(name)) for row in rows])  # the objective is the last axis
    return parallel([*table.columns[:MAX_KEYS], name], columns, groups[:MAX_LINES], shown)


def _label(rank: int, row: Row) -> str:
    """A label such as ``1: lr=0.1, optimizer=adam``, cut to 60 characters."""
    settings = ", ".join(f"{key.rpartition('.')[2]}={shown(value)}" for key, value in row.cells.items())
    label = f"{rank}: {settings}" if settings else f"n = {len(row.runs)}"
    return label if len(label) <= 60 else f"{label[:59]}…"


def _lead(ledger: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """One sentence with the number of runs, the swept keys, the sweeper and the start."""
    axes = [str(axis) for axis in ledger.get("axes") or ()]
    parts = [f"{len(runs)} runs"]
    if axes:
        parts[0] += f" over {', '.join(axes)}"
    if sweeper := ledger.get("sweeper"):
        parts.append(f"searched by {sweeper}")
    if started := ledger.get("started"):
        parts.append(f"started {str(started)[:16].replace('T', ' ')}")  # to the minute
    return ", ".join(parts) + "."


def _remark(state: str) -> str:
    """A remark on a sweep that has not completed; else empty."""
    if state == "running":
        return "The sweep has not ended: this page shows what its jobs had written so far; create it again for more."
    return "" if state == "completed" else "The sweep ended early: the results below are of its completed runs."


def _tiles(
    ledger: Mapping[str, Any], tables: Sequence[Table], runs: Sequence[Run], counts: Mapping[str, int]
) -> Iterator[Tile]:
    """The best row of the first tables, the number of completed runs, and the time."""
    for table in tables[:2]:
        best, name = table.rows[0], table.ranked.name
        spread = deviation(best.values(name))
        remark = f"mean of {len(best.runs)}" + (f", ± {spread:.2g}" if spread is not None else "")
        yield Tile(
            f"best {table.title}",
            four_digits(mean(best.values(name))),
            remark if len(best.runs) > 1 else "one run",
            accent=True,
            score=True,
        )
        for key in table.columns[:3]:
            yield Tile(key, shown(best.cells[key]), "of the best row")
        tests = [name for name in other_metrics(table) if name.startswith("test/") and best.values(name)][:1]
        for test in tests:
            yield Tile(test, four_digits(mean(best.values(test))), "of the best row")
        for metric in (*tests, name):
            values = {each.name: mean(found) for each in table.baselines if (found := each.values(metric))}
            if (first := best_of(values, direction(metric, best.runs[0]))) is not None:
                yield Tile("best baseline", four_digits(values[first]), f"{metric} of {first}")
                break
    rest = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "completed")
    yield Tile("runs completed", f"{counts.get('completed', 0)} of {len(runs)}", rest)
    if (seconds := _seconds(ledger)) is not None:
        yield Tile("time", duration(seconds))


def _seconds(ledger: Mapping[str, Any]) -> float | None:
    """Seconds from start to end; None if the ledger has no valid times."""
    try:
        started, ended = (datetime.fromisoformat(str(ledger[key])) for key in ("started", "ended"))
        seconds = (ended - started).total_seconds()
    except (KeyError, ValueError, TypeError):  # TypeError: one time with a time zone and one without
        return None
    return seconds if seconds >= 0 and math.isfinite(seconds) else None


def _commands(path: Path, ledger: Mapping[str, Any], tables: Sequence[Table], state: str) -> Iterator[str]:
    """The command of the sweep, the one that resumes it if it did not complete, and the one of its best run."""
    found = ledger.get("arguments")
    arguments = [str(text) for text in found] if isinstance(found, list) else []
    if arguments:
        yield f"{train_command()} -m {shlex.join(arguments)}"
    if state not in GOOD:
        yield f"{train_command()} -m {argument('resume', path)}"
    # Hydra's flags, of which --config-dir is needed by a single run too.
    flags = [text for text in arguments if text.startswith("--config-")]
    # The overrides of a job are complete, so its command runs it without the sweep.
    for table in tables[:1]:
        best = table.rows[0].runs[0].path
        if typed := overrides(best, []):
            yield f"{train_command()} {shlex.join([*flags, *typed])}"


def _common(runs: Sequence[Run], key: str) -> str:
    """The options of a group in these runs, or their number if there are more than three."""
    found = list(dict.fromkeys(str(run.value(key)) for run in runs if run.choices))
    if len(found) <= 3:
        return ", ".join(found) or MISSING
    return f"{len(found)} {'models' if key == 'model' else 'data sets'}"
