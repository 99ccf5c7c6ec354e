"""What ``metrics.csv`` holds, a run's and a configuration's: values over epochs."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from netyard.metrics.intervals import deviation, mean
from netyard.reports.configurations import Row
from netyard.run_directories.records import Run

Curve = list[tuple[int, float, float | None]]


def columns(run: Run) -> dict[str, list[tuple[int, float]]]:
    """(epoch, value) of every metric, in the file's order; an unreadable line of a truncated file is skipped."""
    found: dict[str, list[tuple[int, float]]] = {}
    try:
        with (run.path / "metrics.csv").open(newline="", encoding="utf-8", errors="replace") as file:
            for line in csv.DictReader(file):
                _take(line, found)
    except (OSError, csv.Error):
        pass
    return found


def _take(line: Mapping[str | None, str | None], found: dict[str, list[tuple[int, float]]]) -> None:
    try:
        epoch = int(line.get("epoch") or "")
    except ValueError:
        return
    for name, text in line.items():
        if name in (None, "epoch", "step") or not isinstance(text, str) or not text:
            continue
        try:
            value = float(text)
        except ValueError:
            continue
        found.setdefault(str(name), []).append((epoch, value))


def column(run: Run, name: str) -> list[tuple[int, float]]:
    """(epoch, value) of one metric; nothing where there is none."""
    return columns(run).get(name, [])


def learning_curve(row: Row, name: str) -> Curve:
    """(epoch, mean, deviation) over the row's runs, of the epochs in which every run has the metric.

    A mean over the longer runs alone would jump where a shorter run ends.
    """
    points: dict[int, list[float]] = {}
    for run in row.runs:
        for epoch, value in column(run, name):
            points.setdefault(epoch, []).append(value)
    whole_epochs = sorted(epoch for epoch, values in points.items() if len(values) == len(row.runs))
    return [(epoch, mean(points[epoch]), deviation(points[epoch])) for epoch in whole_epochs]
