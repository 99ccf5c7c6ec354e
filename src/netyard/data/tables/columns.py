"""The encoding of the columns of a table as features, fitted on the training split."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np

from netyard.data.tables.csv_reader import Table, typed
from netyard.data.tables.numeric_cells import Reading, missing_words, parse
from netyard.errors import DataError

MAX_WORDS = 256  # one-hot features of a column; more are likely identifiers or free text

Missing: TypeAlias = Literal["refuse", "mean", "indicator", "drop"]


@dataclass
class Column:
    """A standardised number, or a one-hot vector of the words in the training split.

    A missing cell is an error (``refuse``); the mean of the training split, of words a row of zeros (``mean``); the
    same with a feature that is 1 where the cell is missing (``indicator``); or its row is left out (``drop``).
    """

    # The defaults are the behaviour of checkpoints from before there was a choice.
    name: str
    mean: float = 0.0
    std: float = 1.0
    words: list[str] | None = None
    missing: Missing = "refuse"
    indicator: bool = False
    """Whether the last feature is that of ``indicator``."""
    decimal: str = "."
    thousands: str = ""
    marks: list[str] | None = None
    """Cells that are missing, besides empty ones; None: the common marks."""
    whole: bool = False
    """Whether all numbers of the training split are whole."""

    @property
    def num_features(self) -> int:
        return (1 if self.words is None else len(self.words)) + self.indicator

    @property
    def moments(self) -> list[tuple[float, float]]:
        """Mean and std of each feature in its own units."""
        first = (self.mean, self.std) if self.words is None else (0.0, 1.0)
        return [first] + [(0.0, 1.0)] * (self.num_features - 1)

    @property
    def reading(self) -> Reading:
        """How its cells are read."""
        marks = None if self.marks is None else tuple(self.marks)
        return Reading("auto", marks, {self.name: (self.decimal, self.thousands)})

    def state(self) -> dict[str, Any]:
        """The fields as plain types, without newer ones at their defaults."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        first = ("name", "mean", "std", "words")
        given = {each.name: each.default for each in fields(self) if each.default is not MISSING}
        return {name: value for name, value in values.items() if name in first or value != given[name]}

    def unusable(self, table: Table) -> np.ndarray:
        """The rows that have no encoding: bool (N,)."""
        return self._unusable(*self._read(table))

    def encode(self, table: Table, unseen: Counter[tuple[str, str]] | None = None) -> np.ndarray:
        """Float64 (N, num_features). A word that is not in the training split becomes a row of zeros.

        Args:
            unseen: counts such words, by name of the column and word.

        Raises:
            DataError: there is no such column; a missing cell, unless there is a strategy for it; a cell of a column of
                numbers that is not finite.
        """
        missing, values = self._read(table)
        unusable = self._unusable(missing, values)
        if unusable.any():
            raise self.bad_cell_error(table, int(np.flatnonzero(unusable)[0]))
        if values is not None:
            features = [np.where(missing, 0.0, (values - self.mean) / self.std)[:, None]]
        else:
            features = [self._one_hot(table, missing, unseen)]
        return np.concatenate([*features, *[missing[:, None].astype(np.float64)] * self.indicator], axis=1)

    def decode(self, features: np.ndarray) -> list[float | str | None]:
        """Features (N, num_features) in their own units as cells: numbers, the word of the largest feature, or None.

        The opposite of ``encode``, for rows that a network makes.
        """
        cells: list[Any]
        if self.words is not None:
            cells = [self.words[place] for place in features[:, : len(self.words)].argmax(axis=1)]
        elif self.whole:
            cells = features[:, 0].round().astype(np.int64).tolist()
        else:
            cells = [float(str(number)) for number in features[:, 0]]  # of float32 no more digits than it has
        missing = features[:, -1] > 0.5 if self.indicator else np.zeros(len(features), dtype=bool)
        return [None if gone else cell for cell, gone in zip(cells, missing.tolist(), strict=True)]

    def bad_cell_error(self, table: Table, row: int) -> DataError:
        """The error for a cell that has no encoding."""
        name = table.name_of(self.name) or self.name
        cell = table.columns[name][row]
        expected = "a word" if self.words is not None else "a finite number"
        return DataError(
            f"column {name!r}, line {table.lines[row]} of {table.path} is {repr(cell) if cell else 'empty'};",
            f"the network was trained on {expected} there;",
            "repair or drop that line.",
        )

    def encodes_like(self, other: Column) -> bool:
        """Whether both encodings are equal, up to rounding differences of mean and std between machines."""
        same = ("name", "words", "missing", "indicator", "marks")
        return all(getattr(self, each) == getattr(other, each) for each in same) and all(
            math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-12)
            for mine, theirs in ((self.mean, other.mean), (self.std, other.std))
        )

    def _unusable(self, missing: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        refused = missing & (self.missing in ("refuse", "drop"))
        return refused if values is None else refused | (~missing & ~np.isfinite(values))

    def _read(self, table: Table) -> tuple[np.ndarray, np.ndarray | None]:
        """The missing cells, bool (N,), and the numbers, float64 (N,); None of a column of words."""
        table.column(self.name)  # raises the error for a column that is not there
        name = table.name_of(self.name) or self.name
        if self.words is None:
            parse(table, [name], self.reading)
            return table.parsed[name].missing, table.parsed[name].values
        missing = missing_words(table.columns[name], self.reading)
        if missing.any():
            # A mark that was a word of the training split is one here, too.
            known = {word for word in self.words if self.reading.is_missing(word, numbers=False)}
            missing &= np.array([cell not in known for cell in table.columns[name]], dtype=bool)
        return missing, None

    def _one_hot(self, table: Table, missing: np.ndarray, unseen: Counter[tuple[str, str]] | None) -> np.ndarray:
        cells = table.column(self.name)
        places = {word: place for place, word in enumerate(self.words or [])}
        found = np.array([places.get(cell, places.get(_canonical(cell), -1)) for cell in cells], dtype=np.int64)
        features = np.zeros((len(cells), len(places)))
        rows = np.flatnonzero(found >= 0)
        features[rows, found[rows]] = 1.0
        if unseen is not None:
            unseen.update((self.name, cells[row]) for row in np.flatnonzero((found < 0) & ~missing).tolist())
        return features


def _canonical(cell: str) -> str:
    """A whole number without decimals: pandas writes the category 10115 as 10115.0 if others are missing."""
    whole, point, decimals = cell.partition(".")
    return whole if point and not decimals.strip("0") else cell


def encode(columns: Sequence[Column], table: Table, unseen: Counter[tuple[str, str]] | None = None) -> np.ndarray:
    """The given columns of a table as features, float32 (N, sum of num_features); see ``Column.encode``."""
    # Each is standardised in float64, because a time stamp has too many digits for float32.
    features = np.empty((len(table.lines), sum(column.num_features for column in columns)), dtype=np.float32)
    first = 0
    for column in columns:
        features[:, first : first + column.num_features] = column.encode(table, unseen)
        first += column.num_features
    return features


def decode(columns: Sequence[Column], features: np.ndarray) -> dict[str, list[float | str | None]]:
    """Features (N, sum of num_features) in their own units as cells of each column; see ``Column.decode``."""
    ends = np.cumsum([column.num_features for column in columns])
    parts = np.split(features, ends[:-1], axis=1)
    return {column.name: column.decode(part) for column, part in zip(columns, parts, strict=True)}


def read_numbers(columns: Iterable[Column], table: Table) -> None:
    """Read the columns of numbers of a whole table, before it is encoded in parts: see ``numeric_cells.parse``."""
    numbers = [column for column in columns if column.words is None]
    names = {column.name: name for column in numbers if (name := table.name_of(column.name)) is not None}
    known = {names[each.name]: (each.decimal, each.thousands) for each in numbers if each.name in names}
    if numbers:
        parse(table, names.values(), Reading("auto", numbers[0].reading.marks, known))


def fit_words(table: Table, name: str, train: np.ndarray, missing: Missing, reading: Reading) -> Column:
    """The one-hot encoding of the words in the training rows, of which ``train`` are the indices.

    Raises:
        DataError: the column has too many different words; a cell is missing, and nothing says what it becomes.
    """
    cells = table.columns[name]
    gaps = missing_words(cells, reading)
    if missing == "refuse" and gaps.any():
        row = int(np.flatnonzero(gaps)[0])
        raise table.bad_cell_error(name, row, "every cell must have a value;", "data.missing=indicator")
    # Sorted, so that the order of the features does not depend on that of the rows.
    words = sorted({cells[row] for row in train.tolist() if not gaps[row]})
    if len(words) > MAX_WORDS:
        raise DataError(
            f"column {name!r} of {table.path} contains {len(words)} different words;",
            f"each becomes a feature, and at most {MAX_WORDS} are allowed;",
            f"try {typed('drop', [name])}.",
        )
    indicator = missing == "indicator" and bool(gaps[train].any())
    return Column(name, words=words, missing=missing, indicator=indicator, marks=_marks(reading))


def fit_number(table: Table, name: str, train: np.ndarray, missing: Missing, reading: Reading) -> Column:
    """The standardisation of a column of numbers by its training rows, of which ``train`` are the indices.

    Raises:
        DataError: a cell is no finite number; a cell is missing, and nothing says what it becomes.
    """
    numbers = table.parsed[name]
    # Decided by all rows, or a bad cell of the test split would pass.
    if len(numbers.bad):
        few = len(set(table.columns[name])) <= min(MAX_WORDS, len(table.lines) / 2)
        hint = typed("categories" if few else "drop", [name])
        allowed = "the other cells are numbers, and each must be finite;"
        raise table.bad_cell_error(name, int(numbers.bad[0]), allowed, hint)
    if missing == "refuse" and numbers.missing.any():
        row = int(np.flatnonzero(numbers.missing)[0])
        allowed = "the other cells are numbers, and each must be finite;"
        raise table.bad_cell_error(name, row, allowed, "data.missing=mean")
    present = numbers.values[train][~numbers.missing[train]]
    mean, std = (float(present.mean()), float(present.std())) if len(present) else (0.0, 1.0)
    return Column(
        name,
        mean,
        std if std > 0 else 1.0,  # constant: becomes 0, not NaN
        missing=missing,
        indicator=missing == "indicator" and bool(numbers.missing[train].any()),
        decimal=numbers.decimal,
        thousands=numbers.thousands,
        marks=_marks(reading),
        whole=bool(len(present)) and bool((present == present.round()).all()),
    )


def _marks(reading: Reading) -> list[str] | None:
    return None if reading.marks is None else [*reading.marks]


def unseen_words(unseen: Mapping[tuple[str, str], int]) -> list[str]:
    """A sentence for each column with words that are not in the training split."""
    counts: dict[str, Counter[str]] = {}
    for (name, word), count in unseen.items():
        counts.setdefault(name, Counter())[word] += count
    return [
        f"column {name!r}: {sum(words.values())} cell(s) with {len(words)} value(s) that the training split does not"
        f" have, such as {words.most_common(1)[0][0]!r}; they are encoded as zeros"
        for name, words in counts.items()
    ]
