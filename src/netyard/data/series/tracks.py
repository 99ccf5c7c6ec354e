"""Series of a file as steps of one calendar, and what a run has learned of its file. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netyard.data.series.dates import Style, formatted
from netyard.data.series.frequency import Frequency
from netyard.data.series.settings import Role
from netyard.data.tables.csv_reader import Table

SEPARATOR = " | "
"""Between the cells that name a series, if several columns do."""


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
