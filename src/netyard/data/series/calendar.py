"""What a date says of itself, as numbers: the weekday, the month, the hour. It is known in advance of every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from netyard.data.series.dates import DAY, month_length, month_numbers

CalendarPart: TypeAlias = Literal["hour", "weekday", "day", "week", "month"]
"""``weekday`` is one-hot; the others are a sine and a cosine, so that December is beside January."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def calendar_names(parts: Sequence[str]) -> list[str]:
    """The names of the channels of the parts of a calendar."""
    found: list[str] = []
    for part in parts:
        found += [f"weekday={day}" for day in _WEEKDAYS] if part == "weekday" else [f"{part}_sin", f"{part}_cos"]
    return found


def calendar_channels(dates: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """Dates, int64 (T,) in microseconds since 1970 -> float64 (T, channels), in the order of ``calendar_names``."""
    columns: list[np.ndarray] = []
    days = dates // DAY
    for part in parts:
        if part == "weekday":
            weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
            columns += [(weekday == each).astype(np.float64) for each in range(7)]
            continue
        turn = 2 * np.pi * _position(dates, part)
        # Rounded, so that the channels, and the fingerprint of a split, are the same on every machine.
        columns += [np.round(np.sin(turn), 6), np.round(np.cos(turn), 6)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(dates), 0))


def _position(dates: np.ndarray, part: str) -> np.ndarray:
    """The place of each date within its day, month or year, from 0 to below 1."""
    if part == "hour":
        return (dates % DAY) / DAY
    months, day = month_numbers(dates)
    if part == "month":
        return (months % 12) / 12
    if part == "day":
        return (day - 1) / np.array([month_length(month) for month in months.tolist()], dtype=np.float64)
    years = (months // 12).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    return (dates // DAY - years) / 366
