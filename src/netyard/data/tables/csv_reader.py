"""Read a CSV file as columns of text, and encode columns as numbers."""

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
# If this fraction of the present cells are numbers, the others are errors, and the column is not one of words.
_NUMBER_FRACTION = 0.8
_MAX_WORDS = 256  # one-hot features of a column; more are likely identifiers or free text
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "inf", "-inf"))  # in lower case


@dataclass
class Table:
    """The cells by column name, and the line number of each row in the file."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def column(self, name: str, key: str = "target") -> list[str]:
        """The cells of a column; ``key`` is the config key below ``data`` that names it.

        Raises:
            DataError: there is no column of that name.
        """
        if name in self.columns:
            return self.columns[name]
        # If no name is similar, the last column: that is where most tables have their target.
        near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.4) or list(self.columns)[-1:]
        raise DataError(
            f"{self.path} has no column {name!r};",
            f"it has {', '.join(list(self.columns)[:20])};",
            f"try data.{key}={near[0]}.",
        )

    def bad_cell_error(self, name: str, row: int, allowed: str) -> DataError:
        """The error for a cell that cannot be used."""
        cell = self.columns[name][row]
        return DataError(
            f"column {name!r}, line {self.lines[row]} of {self.path} is {repr(cell) if cell else 'empty'};",
            allowed,
            f"repair or drop that line, or try data.drop=[{name}].",
        )

    def rows(self, first: int, last: int) -> Table:
        """The table of the rows ``first`` to ``last - 1``."""
        columns = {name: cells[first:last] for name, cells in self.columns.items()}
        return Table(self.path, columns, self.lines[first:last])


def read_table(path: Path, key: str = "data.path") -> Table:
    """Read a CSV file whose first line has the column names; the delimiter is , ; | or a tab.

    Args:
        path: the file.
        key: the config key or option that names the file, for messages.

    Raises:
        DataError: there is no such file, it is not UTF-8 text, it has no rows, two columns have the same name, or a row
            has more or fewer cells than there are names.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # without the byte order mark that spreadsheets write
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(
            f"{path} cannot be read: {reason};",
            f"{key} is a CSV file whose first line names the columns;",
            f"try {key}=FILE.",
        ) from error
    # By the first line only: commas are frequent in the texts of a file with another delimiter.
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    # skipinitialspace: without it, the quotes in ``1, "a, b"`` would not be recognised.
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    names = [name.strip() for name in next(reader, [])]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise DataError(f"{path} names column {repeated[0]!r} twice;", "names must differ;", "rename one of them.")
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in _read_rows(reader, path):
        if not any(cell.strip() for cell in row):
            continue  # a blank line
        if len(row) != len(names):
            raise DataError(
                f"line {reader.line_num} of {path} has {len(row)} cells;",
                f"the first line names {len(names)} columns;",
                "repair or drop that line.",
            )
        rows.append([cell.strip() for cell in row])
        lines.append(reader.line_num)  # the last line of a row whose quoted cell has line breaks
    if not rows:
        raise DataError(f"{path} has no rows;", "the first line names the columns, each other is a sample;", "fill it.")
    return Table(path, {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}, lines)


def _read_rows(rows: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """The rows of a reader, whose errors become ``DataError``: an unclosed quote makes the rest of a file one cell."""
    try:
        yield from rows
    except csv.Error as error:
        raise DataError(
            f"{path} is not a valid CSV file: {error};",
            f"a cell has at most {csv.field_size_limit()} characters;",
            "check the quotes, or shorten that cell.",
        ) from error


def parse_numbers(table: Table, name: str) -> np.ndarray | None:
    """A column as float64 (N,), or None if it is a column of words.

    Raises:
        DataError: a cell is missing or not finite, or a word in a column of numbers.
    """
    cells = table.column(name)
    values = np.array([_parse_number(cell) for cell in cells])
    # Missing cells do not count: numbers that are mostly missing are still a column of numbers.
    present = [math.isfinite(value) for cell, value in zip(cells, values, strict=True) if cell.lower() not in _MISSING]
    if not present or sum(present) < _NUMBER_FRACTION * len(present):
        # "NA" or "none" may be a word of this column, but an empty cell is not.
        if "" in cells:
            raise table.bad_cell_error(name, cells.index(""), "every cell must have a value;")
        return None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise table.bad_cell_error(name, int(bad[0]), "the other cells are numbers, and each must be finite;")
    return values


def _parse_number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


@dataclass
class Column:
    """The encoding of a column: a standardised number, or a one-hot vector of the words in the training split."""

    name: str
    mean: float = 0.0
    std: float = 1.0
    words: list[str] | None = None

    @property
    def num_features(self) -> int:
        return 1 if self.words is None else len(self.words)

    def encode(self, table: Table) -> np.ndarray:
        """Float64 (N, num_features). A word that is not in the training split becomes a row of zeros.

        Raises:
            DataError: there is no such column; an empty cell; a cell of a column of numbers that is not finite.
        """
        cells = table.column(self.name)
        if self.words is not None:
            if "" in cells:
                raise self._bad_cell_error(table, cells.index(""), "a word")
            return (np.array(cells)[:, None] == np.array(self.words)).astype(np.float64)  # (N, number of words)
        values = np.array([_parse_number(cell) for cell in cells])
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise self._bad_cell_error(table, int(bad[0]), "a finite number")
        return ((values - self.mean) / self.std)[:, None]

    def encodes_like(self, other: Column) -> bool:
        """Whether both encodings are equal, up to rounding differences of mean and std between machines."""
        return (self.name, self.words) == (other.name, other.words) and all(
            math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-12)
            for mine, theirs in ((self.mean, other.mean), (self.std, other.std))
        )

    def _bad_cell_error(self, table: Table, row: int, expected: str) -> DataError:
        cell = table.column(self.name)[row]
        return DataError(
            f"column {self.name!r}, line {table.lines[row]} of {table.path} is {repr(cell) if cell else 'empty'};",
            f"the network was trained on {expected} there;",
            "repair or drop that line.",
        )


def encode(columns: Sequence[Column], table: Table) -> np.ndarray:
    """The given columns of a table as features, float64 (N, sum of num_features); see ``Column.encode``."""
    return np.concatenate([column.encode(table) for column in columns], axis=1)


def fit_column(table: Table, name: str, train: np.ndarray) -> Column:
    """Fit the encoding of a column to the training rows, of which ``train`` are the indices.

    Raises:
        DataError: the column has too many different words for one-hot features.
    """
    # Whether it is a column of numbers is decided by all rows, or a bad cell of the test split would pass.
    values = parse_numbers(table, name)
    if values is not None:
        std = float(values[train].std())
        return Column(name, float(values[train].mean()), std if std > 0 else 1.0)  # constant: becomes 0, not NaN
    # Sorted, so that the order of the features does not depend on that of the rows.
    words = sorted(set(np.array(table.column(name))[train].tolist()))
    if len(words) > _MAX_WORDS:
        raise DataError(
            f"column {name!r} of {table.path} contains {len(words)} different words;",
            f"each becomes a feature, and at most {_MAX_WORDS} are allowed;",
            f"try data.drop=[{name}].",
        )
    return Column(name, words=words)
