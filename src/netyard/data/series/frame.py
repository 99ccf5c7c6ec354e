"""A series file as steps of one calendar: sorted by date, duplicates and gaps resolved, series apart.

Imports no torch, so that a mistake in a file is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netyard.data.series.date_column import find_dates
from netyard.data.series.dated_rows import by_date, tell_order
from netyard.data.series.fill import combined, filled
from netyard.data.series.gaps import require_no_blank_line, require_no_gap
from netyard.data.series.settings import Role, SeriesSettings
from netyard.data.series.tracks import SEPARATOR, Frame, Known, Track
from netyard.data.tables.csv_reader import Table, require_columns
from netyard.data.tables.numeric_cells import Numbers, Reading, missing_words, parse
from netyard.data.tables.numeric_cells import formatted as written
from netyard.errors import DataError

FUTURE = "rows of the future"
"""Why steps after the last target are left out."""
_MOST_SERIES = 10_000


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
        require_no_blank_line(table)
    groups = _groups(table, ids)
    frame = Frame(table, [], roles, None, dates.style if dates else "number", dates.zone if dates else "", date, notes)
    frame.reading = {name: (table.parsed[name].decimal, table.parsed[name].thousands) for name in numbers}
    frame.left_out = list(table.left_out)
    if dates is None:
        rows_of = {name: [np.array([row]) for row in rows] for name, rows in groups.items()}
        steps = {name: np.arange(len(rows)) for name, rows in groups.items()}
    else:
        tell_order(dates, groups, frame)
        rows_of, steps = by_date(table, dates, groups, settings, frame, ids, known)
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
        frame.left_out.append(("steps", count - known, f"{_of(name)}the last have no {targets[0]}: {FUTURE}"))
    row_at = np.full(count, -1, dtype=np.int64)
    row_at[places] = [int(each[0]) for each in rows]
    require_no_gap(frame, settings, name, values, row_at, first, (start, known))
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
