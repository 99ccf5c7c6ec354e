"""Configurations in Markdown, which is padded so that a terminal shows it as well, and in CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from netyard.io.markdown import grid
from netyard.io.readable import short_path
from netyard.metrics.intervals import MAX_EXACT_PAIRS, MIN_VALUES, deviation, interval, mean, sign_flip
from netyard.reports.configurations import Row, Table
from netyard.run_directories.records import MISSING, Run

STATES = ("completed", "running", "pending", "failed", "pruned", "interrupted", "unreadable")
MOST_TESTS = 4  # metrics of the test in Markdown; the CSV has all
MOST_LINES = 20  # jobs of one state that are named


def markdown(table: Table, most: int | None = None) -> str:
    """A table and what is to be said of it; with ``most`` only the best rows."""
    name, rows = table.ranked.name, table.rows[:most]
    direction = "higher" if table.ranked.mode == "max" else "lower"
    columns: list[tuple[str, list[str]]] = [("#", [str(rank) for rank in range(1, len(rows) + 1)])]
    columns += [(key, [shown(row.cells[key]) for row in rows]) for key in table.columns]
    columns.append((name, scores(rows, name)))
    if table.others:
        columns += [(other.name, scores(rows, other.name)) for other in table.others]
        columns.append(("front", ["*" if any(row is each for each in table.front) else "" for row in rows]))
    if any(len(row.runs) >= MIN_VALUES for row in rows):
        columns.append(("95 % interval", _intervals(rows, name)))
    columns.append(("n", [str(len(row.values(name))) for row in rows]))
    columns += [(metric, scores(rows, metric)) for metric in metrics_beside(table)[:MOST_TESTS]]
    columns.append(("best run", [short_path(row.runs[0].path) for row in rows]))
    more = [f"... and {len(table.rows) - len(rows)} more rows."] if len(rows) < len(table.rows) else []
    lines = [f"## {name}, {direction} is better", "", grid(columns), *more, "", *remarks(table)]
    return "\n".join(lines).rstrip()


def remarks(table: Table) -> list[str]:
    """Remarks below a table: the comparison of the two best rows, and which runs were left out."""
    lines = [f"Mean ± standard deviation over the n {table.repeated}; best run by {table.ranked.name}."]
    small = sum(len(row.runs) < MIN_VALUES for row in table.rows)
    if small == len(table.rows):
        lines.append(f"No intervals of the means: they take {MIN_VALUES} {table.repeated}.")
    elif small:
        lines.append(f"Rows with n below {MIN_VALUES} have no interval of the mean; the others' is a bootstrap's.")
    else:
        lines.append("The interval of the mean is a bootstrap's (10,000 resamples, percentiles).")
    if len(table.rows) > 1:
        lines.append(compared(table))
    if table.others:
        lines.append("front: no other row is at least as good in every objective and better in one.")
    if table.ranked.name.startswith("test/"):
        lines.append("Ranked by a test metric: what is chosen so scores worse on new data than here.")
    return [*lines, *table.notes]


def compared(table: Table) -> str:
    """The two best rows over the seeds they share, tested in pairs."""
    name = table.ranked.name
    first, second = (row.by_repetition(name) for row in table.rows[:2])
    shared = [key for key in first if key in second]
    if len(shared) < 2:
        return f"1 and 2 share fewer than two {table.repeated}: they cannot be compared in pairs."
    differences = [first[key] - second[key] for key in shared]
    how = "exact" if len(shared) <= MAX_EXACT_PAIRS else "random flips"
    return (
        f"1 against 2 over {len(shared)} shared {table.repeated}: {mean(differences):+.4g} on average, p = "
        f"{sign_flip(differences):.3g} (paired sign-flip test, two-sided, {how}; {len(shared)} pairs can give "
        f"p >= {max(2.0 ** (1 - len(shared)), 1e-5):.2g})."
    )


def states(runs: Sequence[Run], notes: Iterable[str] = ()) -> str:
    """How many runs ended in which state, a line on each that did not complete, and on each unreadable file."""
    counts = {state: [run for run in runs if run.state == state] for state in STATES}
    counts |= {run.state: [each for each in runs if each.state == run.state] for run in runs}
    lines = [", ".join(f"{len(members)} {state}" for state, members in counts.items() if members) + "."]
    for state, members in counts.items():
        explained = [run for run in members if run.reason]
        lines += [f"- {state}: {short_path(run.path)}: {run.reason}" for run in explained[:MOST_LINES]]
        lines += [f"- {state}: and {len(explained) - MOST_LINES} more"] if len(explained) > MOST_LINES else []
    return "\n".join([*lines, *(f"- skipped: {note}" for note in dict.fromkeys(notes))])


def metrics_beside(table: Table) -> list[str]:
    """Metrics in the columns after the ranked one: other objectives, then those of the test, the ranked one's first."""
    names = {name for row in table.rows for run in row.runs for name in run.scores if name.startswith("test/")}
    names -= {table.ranked.name, *(other.name for other in table.others)}
    twin = f"test/{table.ranked.name.partition('/')[2]}"
    validated = {aim.name for row in table.rows for run in row.runs for aim in run.objectives}
    validated -= {table.ranked.name, *(other.name for other in table.others)}
    return [*sorted(validated), *sorted(names, key=lambda name: (name != twin, name != "test/loss", name))]


def comma_separated(tables: Sequence[Table]) -> str:
    """Every row of every table at full precision, one header for all."""
    keys = list(dict.fromkeys(key for table in tables for key in table.columns))
    beside = [name for table in tables for name in (*(other.name for other in table.others), *metrics_beside(table))]
    metrics = list(dict.fromkeys(beside))
    head = ["objective", "mode", "rank", *keys, "mean", "std", "n", "interval_low", "interval_high"]
    head += [*(name for metric in metrics for name in (metric, f"{metric} std")), "seeds", "best", "best_run"]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for table in tables:
        name = table.ranked.name
        for rank, row in enumerate(table.rows, start=1):
            values = row.values(name)
            cells = [name, table.ranked.mode, rank, *(_cell(row.cells.get(key, "")) for key in keys)]
            cells += [mean(values), deviation(values), len(values), *(interval(values) or ("", ""))]
            for metric in metrics:
                found = row.values(metric)
                cells += [mean(found) if found else "", deviation(found) if found else ""]
            seeds = " ".join(str(run.value("seed")) for run in row.runs)
            writer.writerow([*cells, seeds, row.runs[0].scores[name], str(row.runs[0].path)])
    return text.getvalue()


def shown(value: Any) -> str:
    """A hyperparameter as a table shows it; the CSV has all its digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{','.join(shown(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def _cell(value: Any) -> str:
    return repr(value) if isinstance(value, float) else shown(value)


def scores(rows: Sequence[Row], name: str) -> list[str]:
    """Mean ± deviation of each row, with as many decimals as give the largest mean four digits."""
    means = [mean(values) if (values := row.values(name)) else None for row in rows]
    places = _decimals([value for value in means if value is not None])
    spreads = [deviation(row.values(name)) for row in rows]
    return [
        MISSING if centre is None else f"{centre:.{places}f}" + ("" if spread is None else f" ± {spread:.{places}f}")
        for centre, spread in zip(means, spreads, strict=True)
    ]


def _intervals(rows: Sequence[Row], name: str) -> list[str]:
    places = _decimals([mean(row.values(name)) for row in rows])
    found = [interval(row.values(name)) for row in rows]
    return [MISSING if ends is None else f"{ends[0]:.{places}f} to {ends[1]:.{places}f}" for ends in found]


def _decimals(values: Sequence[float]) -> int:
    largest = max((abs(value) for value in values), default=0.0)
    return min(max(3 - math.floor(math.log10(largest)), 0), 8) if largest else 4
