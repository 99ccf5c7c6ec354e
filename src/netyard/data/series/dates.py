"""Cells that are dates, in the forms that people and programs write: days, times, months, quarters, weeks, years.

A date is a whole number of microseconds since 1970. A column of plain numbers, such as days since the start of a
measurement, is a date where the user names it. Imports no torch.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

DateOrder: TypeAlias = Literal["auto", "day", "month"]
"""What comes first in dates such as 01/02/2021."""
Style: TypeAlias = Literal["day", "time", "month", "quarter", "week", "year", "number", "epoch"]

DAY = 86_400_000_000  # microseconds
SECOND = 1_000_000
EPOCH = datetime.date(1970, 1, 1).toordinal()
_PIVOT = 69  # two-digit years from 69 are in the 20th century, as in POSIX

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OTHER_NAMES = {"mär": 3, "mai": 5, "okt": 10, "dez": 12}
_NAME = rf"(?P<name>{'|'.join((*_MONTHS, *_OTHER_NAMES))})[^\W\d_]*\.?"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?(?: ?(?P<half>[ap])\.?m\.?)?"
    r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}))?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_FORMS: tuple[tuple[Style, re.Pattern[str]], ...] = tuple(
    (style, re.compile(form, re.I))  # type: ignore[misc]
    for style, form in (
        ("day", rf"(?P<year>\d{{4}})(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}})(?:[T ,]+{_CLOCK})?"),
        ("day", rf"(?P<year>(?:19|20)\d{{2}})(?P<month>\d{{2}})(?P<day>\d{{2}})(?:T?{_CLOCK})?"),
        ("day", rf"(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep)(?P<year>\d{{4}}|\d{{2}})(?:[T ,]+{_CLOCK})?"),
        ("day", rf"{_WEEKDAY}(?P<day>\d{{1,2}})\.?[ -]?{_NAME}[ ,-]*(?P<year>\d{{4}}|\d{{2}})(?:[T ,]+{_CLOCK})?"),
        ("day", rf"{_WEEKDAY}{_NAME} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})(?:[T ,]+{_CLOCK})?"),
        ("month", r"(?P<year>\d{4})[-/](?P<month>\d{1,2})"),
        ("month", r"(?P<month>\d{1,2})/(?P<year>\d{4})"),
        ("month", r"(?P<month>0[1-9]|1[0-2])\.(?P<year>(?:19|20)\d{2})"),
        ("month", rf"{_NAME}[ ,-]*(?P<year>\d{{4}})"),
        ("month", rf"(?P<year>\d{{4}})[ -]{_NAME}"),
        ("month", r"(?P<year>\d{4})M(?P<month>\d{1,2})"),
        ("week", r"(?P<year>\d{4})[- ]?W(?P<week>\d{1,2})"),
        ("quarter", r"(?P<year>\d{4})[- ]?Q(?P<quarter>[1-4])"),
        ("quarter", r"Q(?P<quarter>[1-4])[- /]?(?P<year>\d{4})"),
        ("year", r"(?P<year>1[5-9]\d{2}|2[01]\d{2})(?:\.0)?"),
    )
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_YEAR_NAME = re.compile(r"(?i)(?:.*[^a-z])?(?:year|years|yr|jahr|an|ann[eé]e|a[nñ]o|anno)(?:[^a-z].*)?")


@dataclass
class Dates:
    """A column of dates."""

    values: np.ndarray
    """Int64 (N,), microseconds since 1970, or millionths of plain numbers; 0 where a cell is no date."""
    style: Style
    bad: np.ndarray
    """Rows whose cell is no date: int64, ascending."""
    zone: str = ""
    """The time zone that all cells name; UTC if they name several, to which they are converted."""
    undecided: bool = False
    """Whether no cell shows if the day or the month comes first."""
    day_first: bool = True
    notes: list[str] = field(default_factory=list)


def read_dates(cells: Sequence[str], order: DateOrder = "auto", name: str = "", chosen: bool = False) -> Dates | None:
    """A column as dates; None if most cells are none.

    Args:
        order: what comes first in dates such as 01/02/2021; ``auto``: as the cells show.
        name: of the column. Whole numbers are years only in a column that is named so, unless it is chosen.
        chosen: whether the user names the column: it may have plain numbers then, or seconds since 1970.
    """
    found = {cell: match for cell in dict.fromkeys(cells) if (match := _match(cell)) is not None}
    styles = {style for style, _ in found.values()}
    years = styles == {"year"}
    if years and not chosen and not _YEAR_NAME.fullmatch(name):
        return None
    if len(styles) > 1 and "year" in styles:
        return _numbers(cells) if chosen else None
    if sum(cell in found for cell in cells) < 0.8 * len(cells) or not found:
        return _numbers(cells) if chosen else None
    undecided, day_first = _order(found.values(), order)
    times: dict[str, int] = {}
    zones: set[str] = set()
    clock = False
    for cell, (_, parts) in found.items():
        groups = parts.groupdict()
        number = _value(groups, day_first)
        if number is None:
            continue
        if groups.get("hour") is not None:
            clock = True
            zones.add(_zone(groups.get("zone")))
        times[cell] = number
    values = np.array([times.get(cell, 0) for cell in cells], dtype=np.int64)
    bad = np.flatnonzero([cell not in times for cell in cells])
    style = "day" if "day" in styles else next(iter(styles))
    zone, notes = "", []
    zones.discard("")
    if len(zones) == 1 and zones:
        (zone,) = zones
        values = values + np.int64(_offset(zone) * SECOND)  # the clock of that zone, as it was written
    elif len(zones) > 1:
        zone = "UTC"
        notes.append("dates have several time zones, and are converted to UTC")
    return Dates(values, "time" if clock else style, bad, zone, undecided, day_first, notes)


def _match(cell: str) -> tuple[Style, re.Match[str]] | None:
    if not cell or not any(each.isdigit() for each in cell):
        return None
    return next(((style, match) for style, form in _FORMS if (match := form.fullmatch(cell)) is not None), None)


def _order(matches: Iterable[tuple[Style, re.Match[str]]], order: DateOrder) -> tuple[bool, bool]:
    """Whether the order of day and month is undecided, and whether the day is first."""
    pairs = [match for _, match in matches if match.groupdict().get("a")]
    if not pairs or order != "auto":
        return False, order != "month"
    first = max(int(match["a"]) for match in pairs)
    second = max(int(match["b"]) for match in pairs)
    if first > 12 or second > 12:
        return False, first >= second
    # Points are written between day, month and year, nowhere between month and day.
    if all(match["sep"] == "." for match in pairs):
        return False, True
    return True, True


def _value(groups: dict[str, str | None], day_first: bool) -> int | None:
    """Microseconds since 1970; None for a day that does not exist."""
    text = groups["year"] or ""
    year = int(text)
    if len(text) == 2:
        year += 2000 if year < _PIVOT else 1900
    month, day = int(groups.get("month") or 1), int(groups.get("day") or 1)
    if groups.get("name"):
        short = str(groups["name"]).lower()
        month = _OTHER_NAMES.get(short) or _MONTHS.index(short) + 1
    if groups.get("a"):
        day, month = int(groups["a"] or 0), int(groups["b"] or 0)
        if not day_first:
            day, month = month, day
    if groups.get("quarter"):
        month = 3 * int(groups["quarter"] or 0) - 2
    try:
        if groups.get("week"):
            ordinal = datetime.date.fromisocalendar(year, int(groups["week"] or 0), 1).toordinal()
        else:
            ordinal = datetime.date(year, month, day).toordinal()
    except ValueError:
        return None
    return (ordinal - EPOCH) * DAY + _clock(groups)


def _clock(groups: dict[str, str | None]) -> int:
    if groups.get("hour") is None:
        return 0
    hour, minute, second = (int(groups[name] or 0) for name in ("hour", "minute", "second"))
    if half := groups.get("half"):
        hour = hour % 12 + 12 * (half.lower() == "p")
    part = int((groups["part"] or "0").ljust(9, "0")[:6])
    return ((hour * 60 + minute) * 60 + second - _offset(_zone(groups.get("zone")))) * SECOND + part


def _zone(text: str | None) -> str:
    """A time zone as ``+02:00`` or ``UTC``; empty for none."""
    if not text:
        return ""
    if text[0] not in "+-":
        return "UTC"
    digits = text[1:].replace(":", "").ljust(4, "0")
    return "UTC" if digits == "0000" else f"{text[0]}{digits[:2]}:{digits[2:]}"


def _offset(zone: str) -> int:
    """Seconds that a zone is ahead of UTC."""
    if zone in ("", "UTC"):
        return 0
    return (-1 if zone[0] == "-" else 1) * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)


def _numbers(cells: Sequence[str]) -> Dates | None:
    """A column of plain numbers, or of seconds or milliseconds since 1970; None if most cells are no numbers."""
    good = np.array([_NUMBER.fullmatch(cell) is not None for cell in cells], dtype=bool)
    if good.sum() < 0.8 * len(cells):
        return None
    numbers = np.array([float(cell) if ok else 0.0 for cell, ok in zip(cells, good.tolist(), strict=True)])
    present = numbers[good]
    # Seconds since 1973 up to the year 5138, and the same in milliseconds, microseconds and nanoseconds.
    for places in (0, 3, 6, 9):
        if (present >= 10.0 ** (8 + places)).all() and (present < 10.0 ** (11 + places)).all():
            unit = ("seconds", "milliseconds", "microseconds", "nanoseconds")[places // 3]
            exact = np.array([_scaled(cell, 6 - places) if ok else 0 for cell, ok in zip(cells, good, strict=True)])
            return Dates(
                exact, "epoch", np.flatnonzero(~good), "UTC", notes=[f"dates are {unit} since 1970, shown in UTC"]
            )
    if np.abs(present).max(initial=0) > 9e12:
        return None
    return Dates(np.round(numbers * 1e6).astype(np.int64), "number", np.flatnonzero(~good))


def _scaled(cell: str, places: int) -> int:
    """A number times a power of ten, without the rounding of floats if it is whole."""
    if "." in cell or "e" in cell.lower():
        return round(float(cell) * 10.0**places)
    return int(cell) * 10**places if places >= 0 else int(cell) // 10**-places


def date_of(value: int) -> datetime.datetime:
    """A date and time of day, without a zone."""
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=int(value))


def month_numbers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Months since January 1970, and the day of the month from 1: two int64 (N,)."""
    days = (values // DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    return months.astype(np.int64), (days - months.astype("datetime64[D]")).astype(np.int64) + 1


def month_length(month: int) -> int:
    """The number of days of a month, which is counted from January 1970."""
    return calendar.monthrange(1970 + month // 12, month % 12 + 1)[1]


def formatted(value: int, style: Style, zone: str = "") -> str:
    """A date in the form of its column: 2021-03-01, 2021-03-01T10:30:00, 2021-03, 2021Q1, 2021W09, 2021."""
    if style == "number":
        number = int(value) / 1e6
        return str(int(number)) if number == int(number) else f"{number:.10g}"
    date = date_of(value)
    if style == "month":
        return f"{date.year:04}-{date.month:02}"
    if style == "quarter":
        return f"{date.year:04}Q{(date.month + 2) // 3}"
    if style == "week":
        year, week, _ = date.isocalendar()
        return f"{year:04}W{week:02}"
    if style == "year":
        return f"{date.year:04}"
    if style == "day":
        return date.date().isoformat()
    return date.isoformat() + {"": "", "UTC": "Z"}.get(zone, zone)
