"""Reads ``metrics.csv``: the values of metrics over epochs, of one run or as mean over the runs of a configuration."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from netyard.metrics.intervals import deviation, mean
from netyard.reports.configurations import Row
from netyard.run_directories.records import Run

Curve = list[tuple[int, float, float | None]]
"""(epoch, mean, standard deviation), the last None of a single run."""


def columns(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Return (epoch, value) of every metric, in the order of the file; unreadable lines are skipped."""
    found: dict[str, list[tuple[int, float]]] = {}
    try:
        with (run.path / "metrics.csv").open(newline="", encoding="utf-8", errors="replace") as file:
            for line in csv.DictReader(file):
                _add_line(line, found)
    except (OSError, csv.Error):
        pass  # no file yet, or not a CSV: what was read so far is shown
    return found


def _add_line(line: Mapping[str | None, str | None], found: dict[str, list[tuple[int, float]]]) -> None:
    # A running or killed process may leave an incomplete last line.
    try:
        epoch = int(line.get("epoch") or "")
    except ValueError:
        return
    # csv.DictReader puts surplus cells under the key None.
    for name, text in line.items():
        if name in (None, "epoch", "step") or not isinstance(text, str) or not text:
            continue
        try:
            value = float(text)  # "nan" and "inf" are numbers here: charts show them as gaps
        except ValueError:
            continue
        found.setdefault(str(name), []).append((epoch, value))


def column(run: Run, name: str) -> list[tuple[int, float]]:
    """Return (epoch, value) of one metric; empty if the run does not have it."""
    return columns(run).get(name, [])


def learning_curve(row: Row, name: str) -> Curve:
    """Return mean and standard deviation over the runs of a row, for the epochs in which every run has the metric."""
    # A mean over the remaining runs would jump at the epoch where a shorter run ends.
    points: dict[int, list[float]] = {}
    for run in row.runs:
        for epoch, value in column(run, name):
            points.setdefault(epoch, []).append(value)
    complete = sorted(epoch for epoch, values in points.items() if len(values) == len(row.runs))
    return [(epoch, mean(points[epoch]), deviation(points[epoch])) for epoch in complete]
