"""Which column of a series file has its dates, and what they are. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from netyard.data.series.dates import Dates, read_dates
from netyard.data.series.frequency import infer
from netyard.data.series.settings import NO_DATE, SeriesSettings
from netyard.data.tables.csv_reader import Table, typed
from netyard.errors import DataError

_SAMPLED = 200  # cells that show whether a column may have dates at all
_DATE_NAME = re.compile(
    r"(?i).*(?:date|datum|fecha|time|zeit|stamp|day|tag|week|month|monat|mois|year|jahr|ds|period).*"
)


def find_dates(
    table: Table, settings: SeriesSettings, used: Sequence[str], notes: list[str]
) -> tuple[str | None, Dates | None]:
    """The column of dates, and its cells as dates; None twice if rows are taken in the order of the file.

    Args:
        used: columns that have another meaning.
        notes: gets sentences about what was guessed.

    Raises:
        DataError: the column that is named does not exist or has no dates; a cell of it is none.
    """
    if settings.date is not None and settings.date != NO_DATE:
        table.column(settings.date, "date")
        name = table.name_of(settings.date) or settings.date
        dates = read_dates(table.columns[name], settings.date_order, name, chosen=True)
        if dates is None:
            raise DataError(
                f"column {name!r} of {table.path} has no dates: its first cell is {table.columns[name][0]!r};",
                "data.date is a column of dates, of seconds since 1970, or of numbers that count the steps;",
                "try another data.date, or data.date=none.",
            )
    else:
        candidates = _candidates(table, settings, used)
        if settings.date == NO_DATE or not candidates:
            if settings.date != NO_DATE or candidates:
                notes.extend(_reversed(table, used, candidates))
            return None, None
        name = _preferred(table, candidates, settings)
        dates = candidates[name]
        others = [each for each in candidates if each != name]
        more = f"; {_named(others)} would be other dates" if others else ""
        notes.append(f"column {name!r} has the dates (data.date=none: the order of the rows{more})")
    if len(dates.bad):
        row = int(dates.bad[0])
        cell = table.columns[name][row]
        raise DataError(
            f"line {table.lines[row]} of column {name!r} of {table.path} is {repr(cell) if cell else 'empty'};",
            f"each of the other {len(table.lines) - len(dates.bad)} rows has a date;",
            "repair or drop that line, or try data.date=none.",
        )
    if dates.undecided:
        dates = _decided(table, name, dates, settings, notes)
    notes.extend(dates.notes)
    return name, dates


def _candidates(table: Table, settings: SeriesSettings, used: Sequence[str]) -> dict[str, Dates]:
    """The columns that read as dates in every row."""
    found = {}
    for name, cells in table.columns.items():
        if name in used:
            continue
        # The first rows of most columns show that they have none.
        if read_dates(cells[:_SAMPLED], settings.date_order, name) is None:
            continue
        dates = read_dates(cells, settings.date_order, name)
        if dates is not None and len(set(dates.values.tolist())) > 1:
            found[name] = dates
    return found


def _preferred(table: Table, candidates: dict[str, Dates], settings: SeriesSettings) -> str:
    """Of several columns of dates, the one whose dates differ most, then the one that is named like a date."""
    whole = {name: len(dates.bad) == 0 for name, dates in candidates.items()}
    different = {name: len(np.unique(dates.values)) for name, dates in candidates.items()}
    order = [*table.columns]
    return max(
        candidates,
        key=lambda name: (whole[name], different[name], bool(_DATE_NAME.fullmatch(name)), -order.index(name)),
    )


def _decided(table: Table, name: str, dates: Dates, settings: SeriesSettings, notes: list[str]) -> Dates:
    """Dates such as 01/02/2021, of which no cell is above 12: the order in which they are regular."""
    month_first = read_dates(table.columns[name], "month", name, chosen=True)
    assert month_first is not None  # the same cells, none of which is above 12
    found = {order: _regularity(each.values) for order, each in (("day", dates), ("month", month_first))}
    chosen = "month" if found["month"] > found["day"] else "day"
    other = "day" if chosen == "month" else "month"
    notes.append(
        f"dates such as {table.columns[name][0]} are read with the {chosen} first (data.date_order={other}: the other)"
    )
    return replace(month_first if chosen == "month" else dates, undecided=False)


def _regularity(values: np.ndarray) -> tuple[bool, float]:
    """How regular dates are: whether they have a frequency, and the share of steps without a gap."""
    ordered = np.unique(values)
    frequency = infer([ordered], "day")
    if frequency is None:
        return False, 0.0
    return True, float((np.diff(frequency.numbers(ordered)[0]) == 1).mean())


def _reversed(table: Table, used: Sequence[str], candidates: dict[str, Dates]) -> list[str]:
    """What speaks for rows that run newest first, where rows are taken as they are."""
    for name, dates in candidates.items():
        steps = np.diff(dates.values)
        if len(steps) and (steps <= 0).all():
            return [f"the dates in column {name!r} run backwards: the last row is the oldest ({typed('date', name)})"]
        if (steps < 0).any():
            return [f"the dates in column {name!r} are not in order ({typed('date', name)} sorts the rows)"]
    for name, cells in table.columns.items():
        if name in used or name in candidates:
            continue
        counted = read_dates(cells, "auto", name, chosen=True)
        if counted is None or len(counted.bad) or counted.style not in ("number", "epoch", "year") or len(cells) < 3:
            continue
        steps = np.diff(counted.values)
        if (steps < 0).all() and (steps == steps[0]).mean() > 0.5:
            sorts = f"{typed('date', name)} sorts the rows by it"
            return [f"column {name!r} counts down: the last row may be the oldest ({sorts})"]
    return []


def _named(names: Sequence[str]) -> str:
    return " and ".join(typed("date", name) for name in names)
