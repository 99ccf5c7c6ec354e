"""The target of a table: classes or numbers, and the rows that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from netyard.data.tables.csv_reader import Table, typed
from netyard.data.tables.numeric_cells import Numbers, Reading, formatted, missing_words
from netyard.errors import DataError
from netyard.io.readable import listed

TargetKind: TypeAlias = Literal["auto", "class", "labels", "number"]

MAX_CLASSES = 20  # a column of whole numbers with more distinct values is a regression target


@dataclass
class Target:
    """The targets of the rows that have one."""

    values: np.ndarray
    """Int64 (N,), numbers of classes; uint8 (N, L), labels; float64 (N,), or (N, T) of several numbers."""
    rows: list[int]
    """The rows of the table that have a target."""
    class_names: list[str] | None
    """Of classes or labels in the order of their numbers; None if the target is a number."""
    correction: str = ""
    """What to type if the guess is wrong; empty if there is no other way to read the column."""
    note: str = ""
    kind: Literal["class", "labels", "number"] = "class"
    target_names: list[str] | None = None
    """The columns of numbers."""
    absent: bool = False
    """Whether the table has no target; the values are zeros then."""

    @property
    def facts(self) -> dict[str, int]:
        """The key of the data set that says how many outputs a network has, with its value; empty without a target."""
        if self.absent:
            return {}
        key = {"class": "num_classes", "labels": "num_labels", "number": "num_targets"}[self.kind]
        return {key: len(self.class_names or self.target_names or [""])}


def read_target(
    table: Table,
    name: str,
    kind: TargetKind,
    reading: Reading,
    known: Sequence[str] | None,
    of_run: str = "the run was trained on",
    more_classes: bool = False,
) -> Target:
    """The column of the target, which has been parsed.

    Args:
        kind: ``auto``: classes if it has words or at most twenty different whole numbers, else numbers.
        known: the classes of a run, which other data must have; None for a new run.
        of_run: says in a message what has these classes.
        more_classes: whether other data may have more, and these a single one.

    Raises:
        DataError: no row has a target; words or bad cells where numbers are expected; a single class, or nearly as many
            as rows; a class that the run does not have.
    """
    cells, numbers = table.columns[name], table.parsed[name]
    missing = numbers.missing if numbers.is_number and kind != "class" else missing_words(cells, reading)
    rows = np.flatnonzero(~missing)
    if not len(rows):
        other = _other_target(table, name, reading)
        raise DataError(
            f"column {name!r} of {table.path} has no value in any row;",
            "a target needs one in each row that is used;",
            f"try {typed('target', other)}." if other else "fill it.",
        )
    if kind == "number" and not numbers.is_number:
        raise DataError(
            f"column {name!r} of {table.path} contains words;",
            "a target of kind number contains numbers only;",
            "try data.target_kind=class.",
        )
    values = numbers.values[rows]
    whole = numbers.is_number and numbers.whole and not len(numbers.bad)
    few = len(np.unique(values)) <= MAX_CLASSES
    # A price, a percentage or 1,234 is no name of a class, however few there are.
    amounts = numbers.is_amount or bool(numbers.thousands)
    as_classes = kind == "class" or not numbers.is_number or (whole and few and not amounts)
    if numbers.is_number and (kind == "number" or (kind == "auto" and not as_classes)):
        if len(numbers.bad):
            allowed = "the other cells are numbers, and each must be finite;"
            raise table.bad_cell_error(name, int(numbers.bad[0]), allowed, "data.target_kind=class")
        correction = _class_correction(values, numbers)
        return Target(values, rows.tolist(), None, correction, formatted(numbers), "number")
    texts = [cells[row] for row in rows.tolist()]
    # As numbers, "1" and "1.0" are the same class, and 10 is sorted after 2. With a unit they are names: 2D, 3D.
    by_value = whole and not numbers.unit
    classes, y = np.unique(values if by_value else np.array(texts), return_inverse=True)
    names = [str(int(each)) if by_value else str(each) for each in classes]
    if known is not None:
        known = [*known, *(each for each in names if more_classes and each not in known)]
        return Target(_known_labels(table, name, names, known, of_run)[y], rows.tolist(), known)
    if not (more_classes and len(names) == 1):
        _check_classes(table, name, names, len(texts), numbers, reading)
    correction = "data.target_kind=number" if whole else ""
    note = _alike(names) or _single(names, np.bincount(y))
    return Target(y.astype(np.int64), rows.tolist(), names, correction, note)


def _class_correction(values: np.ndarray, numbers: Numbers) -> str:
    """What makes classes of numbers, if they may be classes."""
    repeated = len(np.unique(values)) <= len(values) / 2
    return "data.target_kind=class" if numbers.whole and repeated and not numbers.unit else ""


def _check_classes(
    table: Table, name: str, names: Sequence[str], num_rows: int, numbers: Numbers, reading: Reading
) -> None:
    """Raise DataError for a single class, or for nearly as many as rows."""
    if len(names) > 1 and len(names) <= max(MAX_CLASSES, num_rows / 2):
        return
    other = _other_target(table, name, reading)
    attempt = f"try {typed('target', other)}." if other else "try another data.target."
    if len(names) < 2:
        raise DataError(
            f"column {name!r} of {table.path} contains only one class, {names[0]!r};",
            "a classification needs at least two;",
            attempt,
        )
    number = numbers.is_number and not len(numbers.bad)
    raise DataError(
        f"column {name!r} of {table.path} contains {len(names)} different values in {num_rows} rows;",
        "a class needs several rows;",
        "try data.target_kind=number task=regression loss=mse." if number else attempt,
    )


def _known_labels(table: Table, name: str, names: Sequence[str], known: Sequence[str], of_run: str) -> np.ndarray:
    """The label that each class has in the run: int64 (len(names),)."""
    unknown = [each for each in names if each not in known]
    if unknown:
        raise DataError(
            f"column {name!r} of {table.path} contains the class {unknown[0]!r};",
            f"{of_run} {listed(known, 20)};",
            "drop those lines, or train a new network.",
        )
    return np.array([known.index(each) for each in names], dtype=np.int64)


def _other_target(table: Table, name: str, reading: Reading) -> str | None:
    """The last other column that may be a target: it has a value in each row, and few or numeric ones."""
    for other in reversed(table.columns):
        cells = table.columns[other]
        if other == name or missing_words(cells, reading).any():
            continue
        if 2 <= len(set(cells)) <= max(2, min(MAX_CLASSES, len(cells) // 2)):
            return other
    return None


def _alike(names: Sequence[str]) -> str:
    """A remark about classes that differ in upper and lower case only."""
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            return f"the classes {other!r} and {name!r} differ in upper and lower case only"
    return ""


def _single(names: Sequence[str], counts: np.ndarray) -> str:
    """A remark about classes with one row, which is in one split only."""
    alone = [name for name, count in zip(names, counts.tolist(), strict=True) if count == 1]
    shown = listed([*map(repr, alone)], 5)
    return f"a single row has the class {shown}" if alone else ""
