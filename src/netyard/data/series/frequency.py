"""The step of a series, inferred from its dates: so many seconds, days without weekends, months, quarters, years.

A frequency numbers the dates of its calendar: neighbours differ by one, whatever the length of a month is, and a date
that is no step of it has no number. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netyard.data.series.dates import DAY, SECOND, Style, month_length, month_numbers

_MONTH_END, _LAST_WEEKDAY = 31, 32  # anchors besides a day of the month
_MONDAY = 3  # 1970-01-01 was a Thursday
_UNITS = (("day", DAY), ("hour", 3600 * SECOND), ("minute", 60 * SECOND), ("second", SECOND))
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# The usual season of a frequency, in steps: a year of months, a week of days, a day of hours.
_SEASONS = {"months": 12, "quarters": 4, "weeks": 52, "days": 7, "hours": 24, "30 minutes": 48, "15 minutes": 96}
_SEASONS |= {"10 minutes": 144, "5 minutes": 288, "minutes": 1440}


@dataclass(frozen=True)
class Frequency:
    """A calendar of steps.

    kind ``fixed``: every ``size`` microseconds. ``months``: every ``size`` months, on the day ``anchor``. ``weekdays``:
    on the days of the week ``days``, 0 is Monday.
    """

    kind: Literal["fixed", "months", "weekdays"]
    size: int
    phase: int = 0
    """Of the first date: microseconds within a step; the time of day of months and weekdays."""
    anchor: int = 1
    days: tuple[int, ...] = ()
    style: Style = "day"

    @property
    def name(self) -> str:
        """Days, business days, 15 minutes, months, quarters, years; of plain numbers ``steps of 5``."""
        if self.kind == "weekdays":
            if self.days == (0, 1, 2, 3, 4):
                return "business days"
            missing = [_DAYS[day] for day in range(7) if day not in self.days]
            shown = missing if len(missing) <= 3 else [_DAYS[day] for day in self.days]
            return f"days {'without' if len(missing) <= 3 else 'that are'} {', '.join(shown)}"
        if self.kind == "months":
            named = {1: "months", 3: "quarters", 12: "years"}.get(self.size) or f"{self.size} months"
            at_end = self.anchor in (_MONTH_END, _LAST_WEEKDAY) and self.style in ("day", "time")
            return named + (", at their end" if at_end else "")
        if self.style == "number":
            return "steps" if self.size == 1_000_000 else f"steps of {self.size / 1e6:g}"
        if self.size % (7 * DAY) == 0:
            return "weeks" if self.size == 7 * DAY else f"{self.size // (7 * DAY)} weeks"
        for unit, size in _UNITS:
            if self.size % size == 0:
                return f"{unit}s" if self.size == size else f"{self.size // size} {unit}s"
        return f"{self.size / SECOND:g} seconds"

    @property
    def season(self) -> int:
        """The usual season in steps; 1: none is usual."""
        return len(self.days) if self.kind == "weekdays" else _SEASONS.get(self.name.split(",")[0], 1)

    def numbers(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of dates (N,), the numbers of their steps, int64 (N,); and which are dates of this calendar, bool (N,)."""
        if self.kind == "fixed":
            rest = values - self.phase
            return rest // self.size, rest % self.size == 0
        days = values // DAY
        if self.kind == "months":
            months, day = month_numbers(values)
            found = (months - self.phase // DAY) // self.size
            fits = (months - self.phase // DAY) % self.size == 0
            expected = np.array([_day_of(month, self.anchor) for month in months.tolist()], dtype=np.int64)
            return found, fits & (day == expected) & (values % DAY == self.phase % DAY)
        weeks, weekday = (days + _MONDAY) // 7, (days + _MONDAY) % 7
        place = np.array([sum(day < each for day in self.days) for each in range(7)], dtype=np.int64)
        fits = np.isin(weekday, self.days) & (values % DAY == self.phase)
        return weeks * len(self.days) + place[weekday], fits

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        """The dates of steps: int64 (N,), the inverse of ``numbers``."""
        if self.kind == "fixed":
            return numbers * self.size + self.phase
        if self.kind == "months":
            months = numbers * self.size + self.phase // DAY
            starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
            day = np.array([_day_of(month, self.anchor) for month in months.tolist()], dtype=np.int64)
            return (starts + day - 1) * DAY + self.phase % DAY
        week, place = np.divmod(numbers, len(self.days))
        return (week * 7 + np.array(self.days)[place] - _MONDAY) * DAY + self.phase

    def state(self) -> dict[str, object]:
        """The fields in plain types."""
        return {**vars(self), "days": list(self.days)}

    @classmethod
    def of_state(cls, state: dict[str, object]) -> Frequency:
        return cls(**{**state, "days": tuple(state["days"])})  # type: ignore[arg-type]


def infer(series: Sequence[np.ndarray], style: Style) -> Frequency | None:
    """The frequency of the dates of several series, each int64, ascending and without duplicates.

    None if there are too few dates, or if their differences have no common step.
    """
    series = [each for each in series if len(each) > 1]
    if not series:
        return None
    values = np.unique(np.concatenate(series))
    if style in ("month", "quarter", "year"):
        least = {"month": 1, "quarter": 3, "year": 12}[style]
        return _months(series, style, least)
    clock = values % DAY
    if style not in ("number", "epoch") and (clock == clock[0]).all():
        return _days(series, values, style)
    return _fixed(series, values, style)


def _fixed(series: Sequence[np.ndarray], values: np.ndarray, style: Style) -> Frequency | None:
    differences = np.concatenate([np.diff(each) for each in series])
    size = _most_frequent(differences)
    if (differences % size).any() or ((values - values[0]) % size).any():
        return None
    return Frequency("fixed", size, int(values[0] % size), style=style)


def _days(series: Sequence[np.ndarray], values: np.ndarray, style: Style) -> Frequency | None:
    """Days, weeks, months, or some days of the week, all at the same time of day."""
    clock = int(values[0] % DAY)
    if found := _months(series, style, 1):
        return found
    days = tuple(sorted({int(day) for day in (values // DAY + _MONDAY) % 7}))
    span = int(values[-1] - values[0]) // DAY
    if 1 < len(days) < 7:
        pattern = Frequency("weekdays", 1, clock, days=days, style=style)
        steps = np.concatenate([np.diff(pattern.numbers(each)[0]) for each in series])
        # A few days of a week, in some weeks, would also be days with many gaps.
        weeks, share = (1, 0.5) if len(days) >= 5 else (3, 0.9)
        if span >= 7 * weeks and (steps == 1).mean() > share:
            return pattern
    return _fixed(series, values, style)


def _months(series: Sequence[np.ndarray], style: Style, least: int) -> Frequency | None:
    """Months, quarters or years, on one day of the month or at its end."""
    parts = [month_numbers(each) for each in series]
    steps = np.concatenate([np.diff(months) for months, _ in parts])
    if (steps < least).any():
        return None
    months, days = (np.concatenate(each) for each in zip(*parts, strict=True))
    size = _most_frequent(steps)
    anchors = (int(days.max()), _MONTH_END, _LAST_WEEKDAY)
    numbers = months.tolist()
    for anchor in anchors:
        expected = np.array([_day_of(month, anchor) for month in numbers])
        if (days == expected).all():
            break
    else:
        return None
    if (steps % size).any() or len(set((months % size).tolist())) > 1:
        return None
    clock = int(series[0][0] % DAY)
    return Frequency("months", size, int(months[0] % size) * DAY + clock, anchor, style=style)


def _day_of(month: int, anchor: int) -> int:
    """The day of a month that has a step: the anchor, or the end of a shorter month."""
    length = month_length(month)
    if anchor != _LAST_WEEKDAY:
        return min(anchor, length)
    first = int(np.int64(month).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))
    weekday = (first + length - 1 + _MONDAY) % 7
    return length - max(weekday - 4, 0)


def _most_frequent(numbers: np.ndarray) -> int:
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[counts.argmax()])  # the smallest of those that are equally frequent
