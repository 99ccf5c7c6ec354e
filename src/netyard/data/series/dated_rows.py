"""Rows by their dates: the calendar of a file, several rows of one date, and several series in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from netyard.data.series.dates import Dates, Style, formatted
from netyard.data.series.frequency import Frequency, infer
from netyard.data.series.settings import SeriesSettings
from netyard.data.series.tracks import SEPARATOR, Frame, Known
from netyard.data.tables.csv_reader import Table, typed
from netyard.errors import DataError
from netyard.io.readable import listed

_SEPARATED = 0.95  # of the rows that are the only one of their date and series, if a column separates series
_MOST_GAPS = 50  # missing steps for each step that is there; with more, the dates are irregular


def tell_order(dates: Dates, groups: Mapping[str, list[int]], frame: Frame) -> None:
    """Note that rows are not in the order of their dates, if they are not."""
    steps = [np.diff(dates.values[rows]) for rows in groups.values()]
    if all((each >= 0).all() for each in steps):
        return
    newest_first = all((each <= 0).all() for each in steps)
    frame.notes.append(
        "the file runs newest first, and is sorted by date" if newest_first else "rows are sorted by date"
    )


def by_date(
    table: Table,
    dates: Dates,
    groups: Mapping[str, list[int]],
    settings: SeriesSettings,
    frame: Frame,
    ids: Sequence[str],
    known: Known | None,
) -> tuple[dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
    """For each series the rows of each of its dates, and the numbers of these dates in the calendar.

    Raises:
        DataError: there are several rows of a date, which the settings refuse; the dates have no common step, or
            another than those of the run.
    """
    rows_of: dict[str, list[np.ndarray]] = {}
    different: dict[str, np.ndarray] = {}
    for name, rows in groups.items():
        index = np.asarray(rows, dtype=np.int64)
        values, inverse = np.unique(dates.values[index], return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        starts = np.flatnonzero(np.diff(inverse[order])) + 1
        rows_of[name], different[name] = np.split(index[order], starts), values
    repeated = {name: next((each for each in rows if len(each) > 1), None) for name, rows in rows_of.items()}
    if any(each is not None for each in repeated.values()):
        _resolve_duplicates(table, dates, settings, frame, ids, rows_of, different)
    frequency = _frequency(table, dates, different, frame, known)
    frame.frequency = frequency
    return rows_of, {name: frequency.numbers(values)[0] for name, values in different.items()}


def _resolve_duplicates(
    table: Table,
    dates: Dates,
    settings: SeriesSettings,
    frame: Frame,
    ids: Sequence[str],
    rows_of: Mapping[str, list[np.ndarray]],
    different: Mapping[str, np.ndarray],
) -> None:
    """Tell that rows of the same date become one.

    Raises:
        DataError: data.duplicates is refuse.
    """
    count = sum(len(each) - 1 for rows in rows_of.values() for each in rows)
    if settings.duplicates != "refuse":
        kept = {"first": "the first is kept", "last": "the last is kept", "sum": "they are added up"}
        how = kept.get(settings.duplicates, "their mean is used")
        why = f"another row has the same date; {how}, data.duplicates={settings.duplicates}"
        frame.left_out.append(("rows", count, why))
        return
    series, place = next((name, at) for name, rows in rows_of.items() for at, each in enumerate(rows) if len(each) > 1)
    rows = rows_of[series][place]
    shown = formatted(int(different[series][place]), dates.style, dates.zone)
    of = f" of {series}" if series else ""
    lines = " and ".join(str(table.lines[row]) for row in rows[:2].tolist())
    given = f"the date {shown}{of} is in {len(rows)} rows of {table.path}, lines {lines};"
    # Several series in one file, of which nothing was said.
    if not ids and (columns := _separating(table, dates, [*frame.roles, frame.date or ""])):
        names = sorted(set(zip(*(table.columns[name] for name in columns), strict=True)))
        shown = listed([SEPARATOR.join(name) for name in names], 4)
        key = typed("series_id", columns[0] if len(columns) == 1 else columns)
        separate = f"column {columns[0]!r} separates"
        if len(columns) > 1:
            separate = f"columns {' and '.join(map(repr, columns))} separate"
        raise DataError(
            given,
            f"each date is one step of a series, and {separate} {len(names)} series ({shown});",
            f"try {key}.",
        )
    same = len({tuple(cells[row] for cells in table.columns.values()) for row in rows.tolist()}) == 1
    best = "first" if same else "sum"
    raise DataError(
        given + " their cells are equal;" * same,
        f"each date is one step of a series ({count:,} row(s) too many); data.duplicates is refuse, sum, mean, first or"
        " last, and data.series_id names the column of several series;",
        f"try data.duplicates={best}.",
    )


def _separating(table: Table, dates: Dates, used: Sequence[str]) -> list[str]:
    """One or two columns of few texts or whole numbers, in each value of which almost every date is there once."""
    found: dict[str, int] = {}
    for name, cells in table.columns.items():
        if name not in used and all(cells) and 1 < (count := len(set(cells))) <= max(len(cells) // 3, 2):
            found[name] = count
    # Names before numbers, and few before many.
    order = sorted(found, key=lambda name: (_looks_like_number(table.columns[name]), found[name]))
    times = dates.values.tolist()
    for size in (1, 2):
        for columns in combinations(order[:8], size):
            keys = {*zip(times, *(table.columns[name] for name in columns), strict=True)}
            # A few rows may be there twice besides.
            if len(keys) >= _SEPARATED * len(times) > len(set(times)):
                return [name for name in table.columns if name in columns]
    return []


def _looks_like_number(cells: Sequence[str]) -> bool:
    return all(cell.replace(".", "", 1).lstrip("+-").isdigit() for cell in cells[:100])


def _frequency(
    table: Table, dates: Dates, different: Mapping[str, np.ndarray], frame: Frame, known: Known | None
) -> Frequency:
    """The calendar of the file.

    Raises:
        DataError: its dates have no common step; they have another than those of the run.
    """
    series = [*different.values()]
    trained = known.frequency if known else None
    if trained is not None and all(trained.numbers(each)[1].all() for each in series):
        return trained
    frequency = infer(series, dates.style)
    if frequency is None:
        values = np.unique(np.concatenate(series))
        if len(values) < 2:
            raise DataError(
                f"all dates of {table.path} are {formatted(int(values[0]), dates.style, dates.zone)};",
                "a series has a value at each of many dates;",
                "try another data.date, or data.date=none.",
            )
        raise DataError(
            f"the dates of {table.path} are irregular: {_differences(series, dates)};",
            "steps are a fixed time apart, or days without weekends, weeks, months, quarters or years;",
            "resample the file, or try data.date=none to take its rows as steps.",
        )
    if trained is not None and trained.name != frequency.name:
        raise DataError(
            f"the dates of {table.path} are {frequency.name};",
            f"the run was trained on {trained.name};",
            "give a file with these steps.",
        )
    if frequency.kind == "fixed":
        steps = sum(int(each[-1] - each[0]) // frequency.size + 1 for each in series)
        if steps > _MOST_GAPS * sum(map(len, series)) + 1000:
            raise DataError(
                f"the dates of {table.path} are irregular: {_differences(series, dates)};",
                f"at steps of {frequency.name} {steps:,} rows would be needed, and it has {len(table.lines):,};",
                "resample the file, or try data.date=none to take its rows as steps.",
            )
    return frequency


def _differences(series: Sequence[np.ndarray], dates: Dates) -> str:
    """The most frequent differences of dates, as text."""
    found, counts = np.unique(np.concatenate([np.diff(each) for each in series]), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:3]
    parts = [f"{_duration(int(found[at]), dates.style)} in {counts[at] / counts.sum():.0%}" for at in order]
    return f"they are {', '.join(parts)} of the rows after the one before"


def _duration(size: int, style: Style) -> str:
    name = Frequency("fixed", size, style=style).name
    if style == "number":
        return f"{size / 1e6:g}"
    return f"1 {name.removesuffix('s')}" if name[0].isalpha() else name
