"""Formats tables of configurations as Markdown, padded so that a terminal shows aligned columns, and as CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from netyard.io.markdown import grid
from netyard.io.readable import short_path
from netyard.metrics.intervals import ENOUGH_PAIRS, MAX_EXACT_PAIRS, MIN_VALUES, deviation, interval, mean, sign_flip
from netyard.reports.baselines import Baseline
from netyard.reports.configurations import Row, Table
from netyard.run_directories.data_set import other_split, unranked
from netyard.run_directories.records import MISSING, Run

STATES = ("completed", "running", "pending", "failed", "pruned", "interrupted", "unreadable")
MAX_TESTS = 4  # test metrics in Markdown; the CSV has all
MAX_LINES = 20  # jobs of one state that are listed
BASELINES = "Baselines are models without a network on the same parts; they have no rank and count in no statistics."


def markdown(table: Table, most: int | None = None) -> str:
    """Return a table with its remarks; only the best rows if ``most`` is given."""
    name, rows = table.ranked.name, table.rows[:most]
    direction = "higher" if table.ranked.mode == "max" else "lower"
    below = table.baselines
    every: list[Row | Baseline] = [*rows, *below]
    columns: list[tuple[str, list[str]]] = [
        ("#", [*map(str, range(1, len(rows) + 1)), *(each.title for each in below)])
    ]
    columns += [(key, [shown(row.cells[key]) for row in rows]) for key in table.columns]
    columns.append((name, scores(every, name)))
    if table.others:
        columns += [(other.name, scores(every, other.name)) for other in table.others]
        # By identity: rows are dataclasses, and == would compare all their runs.
        columns.append(("front", ["*" if any(row is each for each in table.front) else "" for row in rows]))
    if any(len(row.runs) >= MIN_VALUES for row in rows):
        columns.append(("95 % interval", _intervals(rows, name)))
    columns.append(("n", [str(len(row.values(name))) for row in rows]))
    columns += [(metric, scores(every, metric)) for metric in shown_metrics(table)]
    columns.append(("best run", [short_path(row.runs[0].path) for row in rows]))
    columns = [(title, [*cells, *[""] * (len(rows) + len(below) - len(cells))]) for title, cells in columns]
    more = [f"... and {len(table.rows) - len(rows)} more rows."] if len(rows) < len(table.rows) else []
    lines = [f"## {table.title}, {direction} is better", "", grid(columns), *more, "", *remarks(table)]
    return "\n".join(lines).rstrip()


def remarks(table: Table) -> list[str]:
    """Return remarks on a table: its statistics, a comparison of the two best rows, and runs that were left out."""
    lines = [f"Mean ± standard deviation over n {table.repeated}; the best run is by {table.ranked.name}."]
    small = sum(len(row.runs) < MIN_VALUES for row in table.rows)
    if small == len(table.rows):
        lines.append(f"No intervals of the means: an interval needs at least {MIN_VALUES} {table.repeated}.")
    elif small:
        lines.append(
            f"Rows with n below {MIN_VALUES} have no interval of the mean; the others are Student's t intervals."
        )
    else:
        lines.append("Intervals of the mean are Student's t intervals.")
    if len(table.rows) > 1:
        lines.append(compared(table))
    if table.others:
        lines.append("front: no other row is at least as good in every objective and better in one.")
    if table.ranked.name.startswith("test/"):
        # Choosing the best of many rows by the test favours rows that were lucky on it (selection bias).
        lines.append("Ranked by a test metric: a configuration chosen this way will score lower on new data.")
    return [*lines, *[BASELINES] * bool(table.baselines), *table.notes]


def compared(table: Table) -> str:
    """Return the result of a paired test of the two best rows over the seeds that both have."""
    # In pairs, because runs with the same seed share their data split and order, whose effect cancels out.
    name = table.ranked.name
    best, next_best = (row.runs[0] for row in table.rows[:2])
    if keys := other_split(best, next_best):
        return f"1 and 2 have different {' and '.join(keys)}: not validated on the same samples, so no paired test."
    first, second = (row.by_repetition(name) for row in table.rows[:2])
    shared = [key for key in first if key in second]
    if len(shared) < 2:
        return f"1 and 2 have fewer than two {table.repeated} in common, too few for a paired test."
    differences = [first[key] - second[key] for key in shared]
    how = "exact" if len(shared) <= MAX_EXACT_PAIRS else "random flips"
    # With n pairs there are 2^n sign flips, and the observed one and its opposite always count: p >= 2^(1 - n).
    least = max(2.0 ** (1 - len(shared)), 1e-5)
    more = f"; p < 0.05 takes {ENOUGH_PAIRS}" if len(shared) < ENOUGH_PAIRS else ""
    return (
        f"1 against 2 over {len(shared)} shared {table.repeated}: {mean(differences):+.4g} on average, p = "
        f"{sign_flip(differences):.3g} (paired sign-flip test, two-sided, {how}; {len(shared)} pairs can give "
        f"p >= {least:.2g}{more})."
    )


def states(runs: Sequence[Run], notes: Iterable[str] = ()) -> str:
    """Return the number of runs in each state, with a line for each run that has a reason, and each unreadable file."""
    counts = {state: [run for run in runs if run.state == state] for state in STATES}  # in this order
    counts |= {run.state: [each for each in runs if each.state == run.state] for run in runs}  # and unknown states
    lines = [", ".join(f"{len(members)} {state}" for state, members in counts.items() if members) + "."]
    lines += [f"- {said}" for said in [unranked(runs)] if said]
    for state, members in counts.items():
        explained = [run for run in members if run.reason]
        lines += [f"- {state}: {_place(run)}: {run.reason}" for run in explained[:MAX_LINES]]
        lines += [f"- {state}: and {len(explained) - MAX_LINES} more"] if len(explained) > MAX_LINES else []
    # Each note once, although several parts of a report may have read the same file.
    return "\n".join([*lines, *(f"- skipped: {note}" for note in dict.fromkeys(notes))])


def _place(run: Run) -> str:
    """The directory of a run, and what varies of it if it is a job."""
    return f"{short_path(run.path)} ({run.name})" if run.name else short_path(run.path)


def other_metrics(table: Table) -> list[str]:
    """Return the metrics after the ranked one: other objectives, then test metrics, the one of the same name first."""
    names = {name for row in table.rows for run in row.runs for name in run.scores if name.startswith("test/")}
    names -= {table.ranked.name, *(other.name for other in table.others)}
    same_metric = f"test/{table.ranked.name.partition('/')[2]}"  # test/accuracy for val/accuracy
    # With metric=test/... the runs' own objectives are columns too.
    validated = {aim.name for row in table.rows for run in row.runs for aim in run.objectives}
    validated -= {table.ranked.name, *(other.name for other in table.others)}
    return [*sorted(validated), *sorted(names, key=lambda name: (name != same_metric, name != "test/loss", name))]


def shown_metrics(table: Table) -> list[str]:
    """Return the metrics after the ranked one that have a column: a few of the runs, and each of a baseline."""
    found = other_metrics(table)
    measured = {name for each in table.baselines for name in each.scores}
    return [name for place, name in enumerate(found) if place < MAX_TESTS or name in measured]


def comma_separated(tables: Sequence[Table]) -> str:
    """Return every row of every table as CSV at full precision, under one header.

    Baselines follow the rows of their table, without a rank and with an n of 0; a last column has their names.
    """
    # Tables may have different columns; a row has empty cells for those of other tables.
    keys = list(dict.fromkeys(key for table in tables for key in (*table.data, *table.columns)))
    beside = [name for table in tables for name in (*(other.name for other in table.others), *other_metrics(table))]
    metrics = list(dict.fromkeys(beside))
    header = ["objective", "mode", "rank", *keys, "mean", "std", "n", "interval_low", "interval_high"]
    header += [*(name for metric in metrics for name in (metric, f"{metric} std")), "seeds", "best", "best_run"]
    has_baselines = any(table.baselines for table in tables)
    header += ["baseline"] * has_baselines
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for table in tables:
        name = table.ranked.name
        for rank, row in enumerate(table.rows, start=1):
            values = row.values(name)
            cells = [name, table.ranked.mode, rank, *(_cell((table.data | row.cells).get(key, "")) for key in keys)]
            cells += [mean(values), deviation(values), len(values), *(interval(values) or ("", ""))]
            cells += _means_and_deviations(row, metrics)
            seeds = " ".join(str(run.value("seed")) for run in row.runs)
            writer.writerow([*cells, seeds, row.runs[0].scores[name], str(row.runs[0].path), *[""] * has_baselines])
        for baseline in table.baselines:
            cells = [name, table.ranked.mode, "", *(_cell(table.data.get(key, "")) for key in keys)]
            cells += [*_means_and_deviations(baseline, [name]), 0, "", "", *_means_and_deviations(baseline, metrics)]
            writer.writerow([*cells, "", "", "", baseline.name])
    return text.getvalue()


def _means_and_deviations(row: Row | Baseline, metrics: Sequence[str]) -> list[Any]:
    """Return mean and standard deviation of each metric; empty texts where there is none."""
    values = [row.values(metric) for metric in metrics]
    return [cell for each in values for cell in ((mean(each), deviation(each)) if each else ("", ""))]


def shown(value: Any) -> str:
    """Format a hyperparameter for a table, with four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{','.join(shown(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)  # null, true and false, as they are typed in an override
    return str(value)


def _cell(value: Any) -> str:
    """Format a hyperparameter for the CSV, with all its digits."""
    return repr(value) if isinstance(value, float) else shown(value)


def scores(rows: Sequence[Row | Baseline], name: str) -> list[str]:
    """Return mean ± standard deviation of each row, all with the decimals that give the largest mean four digits."""
    means = [mean(values) if (values := row.values(name)) else None for row in rows]
    decimals = _decimals([value for value in means if value is not None])
    spreads = [deviation(row.values(name)) for row in rows]
    return [
        MISSING
        if centre is None
        else f"{centre:.{decimals}f}" + ("" if spread is None else f" ± {spread:.{decimals}f}")
        for centre, spread in zip(means, spreads, strict=True)
    ]


def _intervals(rows: Sequence[Row], name: str) -> list[str]:
    decimals = _decimals([mean(row.values(name)) for row in rows])
    found = [interval(row.values(name)) for row in rows]
    return [MISSING if ends is None else f"{ends[0]:.{decimals}f} to {ends[1]:.{decimals}f}" for ends in found]


def _decimals(values: Sequence[float]) -> int:
    """Return the number of decimals that gives the largest value four significant digits, from 0 to 8."""
    largest = max((abs(value) for value in values), default=0.0)
    # 0.1234 has floor(log10) = -1 and gets 4 decimals; 98.76 has 1 and gets 2.
    return min(max(3 - math.floor(math.log10(largest)), 0), 8) if largest else 4
