"""A series file as steps of one calendar: sorted by date, duplicates and gaps resolved, series apart.

Imports no torch, so that a mistake in a file is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from netyard.data.series.date_column import find_dates
from netyard.data.series.dates import Dates, Style, formatted
from netyard.data.series.fill import combined, filled
from netyard.data.series.frequency import Frequency, infer
from netyard.data.series.settings import Role, SeriesSettings
from netyard.data.tables.csv_reader import Table, require_columns, typed
from netyard.data.tables.numeric_cells import Numbers, Reading, missing_words, parse
from netyard.data.tables.numeric_cells import formatted as written
from netyard.errors import DataError

SEPARATOR = " | "
"""Between the cells that name a series, if several columns do."""
_MOST_SERIES = 10_000
_SEPARATED = 0.95  # of the rows that are the only one of their date and series, if a column separates series
_MOST_GAPS = 50  # missing steps for each step that is there; with more, the dates are irregular


@dataclass
class Track:
    """One series: steps that follow each other, without a gap."""

    name: str
    """The cell that names it, empty for the only one of a file."""
    first: int
    """The number of the first step in the calendar of the file; without dates 0."""
    known: int
    """The number of steps that have targets; later ones are rows of the future."""
    numbers: dict[str, np.ndarray]
    """Columns of numbers, float64 (T,); NaN for targets and past covariates of future rows."""
    words: dict[str, list[str]]
    """Columns of words, T texts; empty where the cell is."""

    def __len__(self) -> int:
        return len(next(iter(self.numbers.values())))


@dataclass
class Frame:
    """All series of a file."""

    table: Table
    tracks: list[Track]
    roles: dict[str, Role]
    frequency: Frequency | None = None
    """None without dates."""
    style: Style = "number"
    zone: str = ""
    date: str | None = None
    """The column of the dates."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what was guessed or changed."""
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    reading: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Decimal and thousands separators of the columns of numbers."""

    def date_texts(self, numbers: Sequence[int] | np.ndarray) -> list[str]:
        """The dates of steps of the calendar, as the file writes them; without dates the steps from 1."""
        if self.frequency is None:
            return [str(int(number) + 1) for number in numbers]
        dates = self.frequency.dates(np.asarray(numbers, dtype=np.int64))
        return [formatted(int(each), self.style, self.zone) for each in dates]


@dataclass
class Known:
    """What a run has learned of the columns of its file, which other files are read by."""

    words: Mapping[str, Any] = field(default_factory=dict)
    """The columns of words."""
    reading: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    frequency: Frequency | None = None


def read_frame(settings: SeriesSettings, known: Known | None = None) -> Frame:
    """Read a series file.

    Args:
        known: of a run that is used on the file; None for a new run.

    Raises:
        DataError: see ``read_table`` and ``find_dates``; a column is missing; a cell is no number; dates are irregular,
            or there are several rows of one, or gaps, which the settings refuse.
        ConfigError: see ``SeriesSettings.roles``.
    """
    table = settings.table()
    roles = _roles(table, settings, known)
    ids = [_named_column(table, name, "series_id") for name in settings.ids]
    notes: list[str] = []
    reading = Reading(settings.decimal, settings.reading.marks, known.reading if known else {})
    parse(table, roles, reading)
    words = [name for name in roles if _is_words(table, name, roles[name], known)]
    numbers = [name for name in roles if name not in words]
    _require_numbers(table, roles, numbers)
    date, dates = find_dates(table, settings, [*roles, *ids], notes)
    if dates is None:
        _require_no_blank_line(table)
    groups = _groups(table, ids)
    frame = Frame(table, [], roles, None, dates.style if dates else "number", dates.zone if dates else "", date, notes)
    frame.reading = {name: (table.parsed[name].decimal, table.parsed[name].thousands) for name in numbers}
    frame.left_out = list(table.left_out)
    if dates is None:
        rows_of = {name: [np.array([row]) for row in rows] for name, rows in groups.items()}
        steps = {name: np.arange(len(rows)) for name, rows in groups.items()}
    else:
        _tell_order(dates, groups, frame)
        rows_of, steps = _by_date(table, dates, groups, settings, frame, ids, known)
    inserted = 0
    for name, rows in rows_of.items():
        track, count = _track(frame, settings, name, rows, steps[name], numbers, words, reading)
        inserted += count
        if track is not None:
            frame.tracks.append(track)
    if inserted:
        share = inserted / sum(map(len, frame.tracks))
        notes.append(
            f"{inserted:,} value(s) that the file does not have are filled by data.gaps={settings.gaps}"
            + f", {share:.0%} of the steps" * (share > 0.1)
        )
    if not frame.tracks:
        raise DataError(
            f"column {settings.targets[0]!r} of {table.path} has no value;",
            "a series has a finite number at every step;",
            "try another data.column.",
        )
    return frame


def _roles(table: Table, settings: SeriesSettings, known: Known | None) -> dict[str, Role]:
    """What each column of values is, by its name in the file."""
    keys = {"target": "column", "past": "past_covariates", "future": "future_covariates", "static": "static_covariates"}
    if known is not None:
        require_columns(table, [*settings.roles, *settings.ids])
    lists = {"target": len(settings.targets) > 1}
    return {
        _named_column(table, name, keys[role], lists.get(role, True)): role for name, role in settings.roles.items()
    }


def _named_column(table: Table, name: str, key: str, in_list: bool = False) -> str:
    table.column(name, key, listed=in_list)
    return table.name_of(name) or name


def _is_words(table: Table, name: str, role: Role, known: Known | None) -> bool:
    if role == "target":
        return False
    if known is not None:
        return name in known.words
    numbers: Numbers = table.parsed[name]
    return not numbers.is_number and not numbers.missing.all()


def _require_numbers(table: Table, roles: Mapping[str, Role], names: Sequence[str]) -> None:
    for name in names:
        values = table.parsed[name].values
        large = np.flatnonzero(np.abs(np.nan_to_num(values)) > np.finfo(np.float32).max)
        bad = np.union1d(table.parsed[name].bad, large)
        if len(bad):
            row = int(bad[0])
            raise DataError(
                f"line {table.lines[row]} of column {name!r} of {table.path} is {table.columns[name][row]!r};",
                "a series has a finite number at every step;",
                f"repair that line, or try another data.{'column' if roles[name] == 'target' else 'covariate'}."
                if roles[name] == "target"
                else "repair that line, or leave the covariate out.",
            )


def _groups(table: Table, ids: Sequence[str]) -> dict[str, list[int]]:
    """The rows of each series, in the order of the file.

    Raises:
        DataError: a row has no name; there are too many series.
    """
    if not ids:
        return {"": [*range(len(table.lines))]}
    found: dict[str, list[int]] = {}
    for row, cells in enumerate(zip(*(table.columns[name] for name in ids), strict=True)):
        if not all(cells):
            raise DataError(
                f"line {table.lines[row]} of column {ids[cells.index('')]!r} of {table.path} is empty;",
                "data.series_id names the series of each row;",
                "fill that line in, or drop it.",
            )
        found.setdefault(SEPARATOR.join(cells), []).append(row)
    if len(found) > _MOST_SERIES or (len(found) > 1 and len(found) == len(table.lines)):
        raise DataError(
            f"{' and '.join(map(repr, ids))} of {table.path} name {len(found):,} series in {len(table.lines):,} rows;",
            f"a series has many rows, and at most {_MOST_SERIES:,} series are read;",
            "try another data.series_id.",
        )
    return dict(sorted(found.items()))


def _tell_order(dates: Dates, groups: Mapping[str, list[int]], frame: Frame) -> None:
    steps = [np.diff(dates.values[rows]) for rows in groups.values()]
    if all((each >= 0).all() for each in steps):
        return
    newest_first = all((each <= 0).all() for each in steps)
    frame.notes.append(
        "the file runs newest first, and is sorted by date" if newest_first else "rows are sorted by date"
    )


def _by_date(
    table: Table,
    dates: Dates,
    groups: Mapping[str, list[int]],
    settings: SeriesSettings,
    frame: Frame,
    ids: Sequence[str],
    known: Known | None,
) -> tuple[dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
    """For each series the rows of each of its dates, and the numbers of these dates in the calendar."""
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
        listed = ", ".join(SEPARATOR.join(name) for name in names[:4]) + ", ..." * (len(names) > 4)
        key = typed("series_id", columns[0] if len(columns) == 1 else columns)
        separate = f"column {columns[0]!r} separates"
        if len(columns) > 1:
            separate = f"columns {' and '.join(map(repr, columns))} separate"
        raise DataError(
            given,
            f"each date is one step of a series, and {separate} {len(names)} series ({listed});",
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


def _track(
    frame: Frame,
    settings: SeriesSettings,
    name: str,
    rows: Sequence[np.ndarray],
    steps: np.ndarray,
    numbers: Sequence[str],
    words: Sequence[str],
    reading: Reading,
) -> tuple[Track | None, int]:
    """One series on its calendar, and the number of values that were filled in; None if it has no value.

    Raises:
        DataError: steps or cells are missing, and data.gaps is refuse.
    """
    table, roles = frame.table, frame.roles
    targets = [each for each in numbers if roles[each] == "target"]
    first, count = int(steps[0]), int(steps[-1] - steps[0]) + 1
    places = steps - first
    values: dict[str, np.ndarray] = {}
    for column in numbers:
        # A flag or a price is not added up where sales of a day are.
        how = settings.duplicates if roles[column] == "target" or settings.duplicates != "sum" else "mean"
        whole = np.full(count, np.nan)
        whole[places] = combined(table.parsed[column].values, rows, how)
        values[column] = whole
    texts: dict[str, list[str]] = {}
    for column in words:
        empty = missing_words(table.columns[column], reading)
        kept = -1 if settings.duplicates == "last" else 0
        cells = [""] * count
        for place, each in zip(places.tolist(), rows, strict=True):
            cells[place] = "" if empty[each[kept]] else table.columns[column][each[kept]]
        texts[column] = cells
    present = np.flatnonzero(~np.all([np.isnan(values[each]) for each in targets], axis=0))
    if not len(present):
        frame.left_out.append(("series", 1, f"{name or 'the file'} has no value of {', '.join(targets)}"))
        return None, 0
    start, known = int(present[0]), int(present[-1]) + 1
    if start:
        frame.left_out.append(("steps", start, f"{_of(name)}the first have no {targets[0]}"))
    if len(places) and known < count:
        frame.left_out.append(("steps", count - known, f"{_of(name)}the last have no {targets[0]}: rows of the future"))
    row_at = np.full(count, -1, dtype=np.int64)
    row_at[places] = [int(each[0]) for each in rows]
    _require_no_gap(frame, settings, name, values, row_at, first, (start, known))
    made = 0
    for column, whole in values.items():
        end = count if roles[column] in ("future", "static") else known
        # Static columns have one value, whatever rows are missing.
        strategy = "previous" if roles[column] == "static" else settings.gaps
        made += int(np.isnan(whole[start:known]).sum()) if roles[column] == "target" else 0
        whole[start:end] = filled(whole[start:end], strategy)
        values[column] = whole[start:]
    for column, cells in texts.items():
        texts[column] = _carried(cells[start:]) if roles[column] == "static" else cells[start:]
    return Track(name, first + start, known - start, values, texts), made


def _of(name: str) -> str:
    return f"{name}: " if name else ""


def _carried(cells: list[str]) -> list[str]:
    """Cells in which an empty one has the word of another."""
    word = next((cell for cell in cells if cell), "")
    return [cell or word for cell in cells]


def _require_no_gap(
    frame: Frame,
    settings: SeriesSettings,
    name: str,
    values: Mapping[str, np.ndarray],
    row_at: np.ndarray,
    first: int,
    ends: tuple[int, int],
) -> None:
    """Raise DataError if steps or cells are missing, and data.gaps is refuse."""
    if settings.gaps != "refuse":
        return
    table, (start, known) = frame.table, ends
    of = f" of {name}" if name else ""
    absent = np.flatnonzero(row_at[start:known] < 0) + start
    ways = "data.gaps is refuse, previous (the value before), linear (between the neighbours) or zero;"
    if len(absent) and frame.frequency is not None:
        shown = frame.date_texts([first + int(absent[0])])[0]
        raise DataError(
            f"{len(absent):,} of the {known - start:,} {frame.frequency.name}{of} are missing in {table.path}, the"
            f" first is {shown};",
            f"a series has a value at every step; {ways}",
            "try data.gaps=previous, or data.date=none to take the rows as steps.",
        )
    for column, whole in values.items():
        role = frame.roles[column]
        end = len(whole) if role == "future" else known
        empty = np.flatnonzero(np.isnan(whole[start:end]) & (row_at[start:end] >= 0)) + start
        if len(empty) and role != "static":
            row = int(row_at[empty[0]])
            cell = table.columns[column][row]
            more = f", the first of {len(empty):,} such cells" if len(empty) > 1 else ""
            raise DataError(
                f"line {table.lines[row]} of column {column!r} of {table.path} is "
                f"{repr(cell) if cell else 'empty'}{more};",
                f"a series has a finite number at every step; {ways}",
                "try data.gaps=previous, or repair that line.",
            )


def _require_no_blank_line(table: Table) -> None:
    """Raise DataError if there is a blank line between two rows.

    ``read_table`` ignores blank lines, but in a series without dates one is a missing step, and later ones would move.
    """
    # Line numbers that increase by more than 1; the first line has the column names.
    for row in np.flatnonzero(np.diff(table.lines, prepend=1) > 1).tolist():
        breaks = sum(cells[row].count("\n") for cells in table.columns.values())  # lines of one quoted cell
        first = table.lines[row] - breaks
        if first > (table.lines[row - 1] if row else 1) + 1:
            raise DataError(
                f"line {first - 1} of {table.path} is blank, between two rows;",
                "a series has a finite number at every step;",
                "fill that line in, or take it out.",
            )


def columns_summary(frame: Frame, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each column of the file is, for the summary of the data."""
    kinds = {"past": "past covariate", "future": "future covariate", "static": "static covariate"}
    found: dict[str, dict[str, Any]] = {}
    for name in frame.table.columns:
        role = frame.roles.get(name)
        kind = kinds.get(str(role), str(role)) if role else "not used"
        kind = "date" if name == frame.date else "series" if name in ids else kind
        found[name] = {"kind": kind, "used": kind != "not used"}
        if name in frame.reading and (how := written(frame.table.parsed[name])):
            found[name]["format"] = how
    return found
