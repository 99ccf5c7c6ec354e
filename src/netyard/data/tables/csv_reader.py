"""A CSV file as columns of text, and how a column becomes numbers."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netyard.errors import DataError

_DELIMITERS = ",;\t|"
_MOSTLY = 0.8  # a column of which this share are numbers is meant to be one of numbers
_MAX_WORDS = 256
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "inf", "-inf"))


@dataclass
class Table:
    """Cells by column name, and the line of the file that each row stands on."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def column(self, name: str, key: str = "target") -> list[str]:
        """One column, which the user names by ``data.<key>``.

        Raises:
            DataError: there is none of that name.
        """
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.4) or list(self.columns)[-1:]
        raise DataError(
            f"{self.path} has no column {name!r};",
            f"it has {', '.join(list(self.columns)[:20])};",
            f"try data.{key}={near[0]}.",
        )

    def bad_cell(self, name: str, row: int, allowed: str) -> DataError:
        cell = self.columns[name][row]
        return DataError(
            f"column {name!r}, line {self.lines[row]} of {self.path} is {repr(cell) if cell else 'empty'};",
            allowed,
            f"repair or drop that line, or try data.drop=[{name}].",
        )

    def rows(self, first: int, last: int) -> Table:
        """A table of the rows from ``first`` to ``last``, which is not one of them."""
        columns = {name: cells[first:last] for name, cells in self.columns.items()}
        return Table(self.path, columns, self.lines[first:last])


def read_table(path: Path, key: str = "data.path") -> Table:
    """The cells of a file whose first line names the columns and shows the delimiter: , ; | or a tab.

    The user names the file by ``key``.

    Raises:
        DataError: no such file, no rows, not text, a column name twice, a row with more or fewer cells than
            names.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(
            f"{path} cannot be read: {reason};",
            f"{key} is a CSV file whose first line names the columns;",
            f"try {key}=FILE.",
        ) from error
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    names = [name.strip() for name in next(reader, [])]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{path} names column {twice[0]!r} twice;", "names must differ;", "rename one of them.")
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in _whole(reader, path):
        if not any(cell.strip() for cell in row):
            continue  # a blank line
        if len(row) != len(names):
            raise DataError(
                f"line {reader.line_num} of {path} has {len(row)} cells;",
                f"the first line names {len(names)} columns;",
                "repair or drop that line.",
            )
        rows.append([cell.strip() for cell in row])
        lines.append(reader.line_num)
    if not rows:
        raise DataError(f"{path} has no rows;", "the first line names the columns, each other is a sample;", "fill it.")
    return Table(path, {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}, lines)


def _whole(rows: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """Rows as they come, until one that is too long to be a row."""
    try:
        yield from rows
    except csv.Error as error:
        raise DataError(
            f"{path} is no CSV file: {error};",
            f"a cell holds at most {csv.field_size_limit()} characters;",
            "check the quotes, or cut that cell.",
        ) from error


def numbers(table: Table, name: str) -> np.ndarray | None:
    """A column as float64 (N,), or None if it is a column of words.

    Raises:
        DataError: one of its cells is missing or not finite, or a word among numbers.
    """
    cells = table.column(name)
    values = np.array([_number(cell) for cell in cells])
    present = [math.isfinite(value) for cell, value in zip(cells, values, strict=True) if cell.lower() not in _MISSING]
    if not present or sum(present) < _MOSTLY * len(present):
        if "" in cells:
            raise table.bad_cell(name, cells.index(""), "every cell must hold a value;")
        return None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise table.bad_cell(name, int(bad[0]), "the column holds numbers, and every one must be finite;")
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


@dataclass
class Column:
    """How one column becomes features: a standardised number, or one for each word that training has seen."""

    name: str
    mean: float = 0.0
    std: float = 1.0
    words: list[str] | None = None

    @property
    def num_features(self) -> int:
        return 1 if self.words is None else len(self.words)

    def encode(self, table: Table) -> np.ndarray:
        """Float64 (N, num_features). A word that training has not seen is a row of zeros.

        Raises:
            DataError: no such column; an empty cell, or one that is not finite where training saw numbers.
        """
        cells = table.column(self.name)
        if self.words is not None:
            if "" in cells:
                raise self._refused(table, cells.index(""), "a word")
            return (np.array(cells)[:, None] == np.array(self.words)).astype(np.float64)
        values = np.array([_number(cell) for cell in cells])
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise self._refused(table, int(bad[0]), "a finite number")
        return ((values - self.mean) / self.std)[:, None]

    def is_like(self, other: Column) -> bool:
        """Whether both encode alike, but for the rounding of another machine."""
        return (self.name, self.words) == (other.name, other.words) and all(
            math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-12)
            for mine, theirs in ((self.mean, other.mean), (self.std, other.std))
        )

    def _refused(self, table: Table, row: int, wanted: str) -> DataError:
        cell = table.column(self.name)[row]
        return DataError(
            f"column {self.name!r}, line {table.lines[row]} of {table.path} is {repr(cell) if cell else 'empty'};",
            f"the network was trained on {wanted} there;",
            "repair or drop that line.",
        )


def encode(columns: Sequence[Column], table: Table) -> np.ndarray:
    """Some columns of a table as features, float64 (N, the sum of num_features); see ``Column.encode``."""
    return np.concatenate([column.encode(table) for column in columns], axis=1)


def fit_column(table: Table, name: str, train: np.ndarray) -> Column:
    """Learn a column's statistics or words from the training rows alone.

    Raises:
        DataError: a column with too many words to give a feature to each.
    """
    values = numbers(table, name)
    if values is not None:
        std = float(values[train].std())
        return Column(name, float(values[train].mean()), std if std > 0 else 1.0)
    words = sorted(set(np.array(table.column(name))[train].tolist()))
    if len(words) > _MAX_WORDS:
        raise DataError(
            f"column {name!r} of {table.path} holds {len(words)} different words;",
            f"each becomes a feature, and at most {_MAX_WORDS} make sense;",
            f"try data.drop=[{name}].",
        )
    return Column(name, words=words)
