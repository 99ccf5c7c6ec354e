"""Targets of several values in each row: sets of labels, in one column or one for each label, and several numbers.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from netyard.data.tables.csv_reader import Table, typed
from netyard.data.tables.numeric_cells import Reading, missing_words
from netyard.data.tables.targets import MAX_CLASSES, Target, TargetKind, read_target
from netyard.errors import DataError
from netyard.io.readable import listed

EmptyTarget: TypeAlias = Literal["drop", "no_label"]
"""What an empty cell of labels means: unknown, so that the row is left out, or none of them."""

SEPARATOR = "|"
MAX_LABELS = 10_000
_FLAGS = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "y": 1, "t": 1, "0": 0, "0.0": 0, "false": 0, "no": 0, "n": 0, "f": 0}
_OTHER_SEPARATORS = (";", ",", "/", "+")


@dataclass(frozen=True)
class TargetSettings:
    """How the columns of the target are read: the keys of a data set with these names."""

    target_kind: TargetKind = "auto"
    label_separator: str | None = None
    empty_target: EmptyTarget = "drop"
    more_classes: bool = False
    """Whether other data may have more classes than these: see ``read_target``."""


def read_targets(
    table: Table,
    names: Sequence[str],
    settings: TargetSettings,
    reading: Reading,
    known: Sequence[str] | None,
    of_run: str = "the run was trained on",
) -> Target:
    """The target in one column or several, which have been parsed.

    Of one column ``auto`` finds labels if a cell has the separator; see ``read_target`` for the rest. Several columns
    are labels if all cells are 0 or 1, true or false, yes or no, and numbers otherwise.

    Args:
        known: the classes or labels of a run, which other data must have; None for a new run.
        of_run: says in a message what has these.

    Raises:
        DataError: see ``read_target``; a cell that is neither; too many labels; a label that the run does not have.
    """
    kind = settings.target_kind
    if len(names) == 1:
        (name,) = names
        cells = table.columns[name]
        wanted = kind == "labels" or (kind == "auto" and settings.label_separator is not None)
        separator = settings.label_separator or SEPARATOR
        single = known is None or list(known) == [name]
        if wanted and single and not any(separator in cell for cell in cells) and not _unreadable(cells, reading).any():
            return _flags(table, names, settings, reading, known, of_run)
        if wanted or (kind == "auto" and not table.parsed[name].is_number and any(SEPARATOR in cell for cell in cells)):
            return _lists(table, name, separator, settings, reading, known, of_run)
        target = read_target(table, name, kind, reading, known, of_run, settings.more_classes)
        if target.class_names is None:
            target.target_names = [name]
        elif known is None and (other := _other_separator(cells, target.class_names)):
            target.correction = typed("label_separator", other)
            target.note = target.note or f"with {typed('label_separator', other)} each cell is a list of labels"
        return target
    if kind == "class":
        raise DataError(
            f"data.target names {len(names)} columns, and data.target_kind is class;",
            "a class is in one column; several columns are labels or numbers;",
            "try data.target_kind=labels.",
        )
    if kind == "labels" or (
        kind == "auto" and not any(_unreadable(table.columns[each], reading).any() for each in names)
    ):
        return _flags(table, names, settings, reading, known, of_run)
    return _numbers(table, names, reading, kind)


def _unreadable(cells: Sequence[str], reading: Reading) -> np.ndarray:
    """Cells that are neither 0 or 1 nor missing: bool (N,)."""
    return np.array([cell.lower() not in _FLAGS for cell in cells], dtype=bool) & ~missing_words(cells, reading)


def _flags(
    table: Table,
    names: Sequence[str],
    settings: TargetSettings,
    reading: Reading,
    known: Sequence[str] | None,
    of_run: str,
) -> Target:
    """One column for each label."""
    for name in names:
        bad = np.flatnonzero(_unreadable(table.columns[name], reading))
        if len(bad):
            allowed = "a column of a label has 0 or 1, true or false, yes or no;"
            others = [each for each in names if each != name] or list(table.columns)[-1:]
            raise table.bad_cell_error(name, int(bad[0]), allowed, typed("target", others))
    order = list(names) if known is None else _in_order(table, names, known, of_run)
    missing = np.stack([missing_words(table.columns[name], reading) for name in order], axis=1)
    values = np.stack([[_FLAGS.get(cell.lower(), 0) for cell in table.columns[name]] for name in order], axis=1)
    rows = np.arange(len(values)) if settings.empty_target == "no_label" else np.flatnonzero(~missing.any(axis=1))
    correction = "data.target_kind=number"
    return _labels(table, names, values[rows].astype(np.uint8), rows, order, correction, known is None)


def _lists(
    table: Table,
    name: str,
    separator: str,
    settings: TargetSettings,
    reading: Reading,
    known: Sequence[str] | None,
    of_run: str,
) -> Target:
    """One column with a list of labels in each cell."""
    cells = table.columns[name]
    missing = missing_words(cells, reading)
    found = [
        [] if gap else [label for part in cell.split(separator) if (label := part.strip())]
        for cell, gap in zip(cells, missing.tolist(), strict=True)
    ]
    rows = np.arange(len(cells)) if settings.empty_target == "no_label" else np.flatnonzero(~missing)
    different = {label for labels in found for label in labels}
    if known is not None:
        unknown = sorted(different - set(known))
        if unknown:
            raise DataError(
                f"column {name!r} of {table.path} contains the label {unknown[0]!r};",
                f"{of_run} {listed(known, 20)};",
                "remove that label, or train a new network.",
            )
    names = sorted(different, key=_by_value(different)) if known is None else [*known]
    if len(names) > min(MAX_LABELS, max(MAX_CLASSES, len(rows))):
        raise DataError(
            f"column {name!r} of {table.path} contains {len(names):,} different labels in {len(rows):,} rows;",
            f"a label needs several rows, and at most {MAX_LABELS:,} labels are allowed;",
            "try another data.label_separator, or data.target_kind=class.",
        )
    place = {label: number for number, label in enumerate(names)}
    values = np.zeros((len(rows), len(names)), dtype=np.uint8)
    for row, source in enumerate(rows.tolist()):
        values[row, [place[label] for label in found[source]]] = 1
    return _labels(table, [name], values, rows, names, "data.target_kind=class", known is None)


def _labels(
    table: Table,
    columns: Sequence[str],
    values: np.ndarray,
    rows: np.ndarray,
    names: list[str],
    correction: str,
    new: bool,
) -> Target:
    what = f"column{'s' * (len(columns) > 1)} {listed([*map(repr, columns)], 5)}"
    if not len(rows):
        raise DataError(
            f"{what} of {table.path} {'have' if len(columns) > 1 else 'has'} no row without an empty cell;",
            "an empty cell means that the labels are unknown;",
            "try data.empty_target=no_label if it means that there are none.",
        )
    if new and not values.any():
        raise DataError(
            f"{what} of {table.path} set no label in any row;",
            "some rows have a label;",
            "try another data.target.",
        )
    note = f"{len(names)} labels, {values.sum() / len(values):.3g} in a row"
    return Target(values, rows.tolist(), names, correction, note, "labels")


def _numbers(table: Table, names: Sequence[str], reading: Reading, kind: TargetKind) -> Target:
    """Several numbers."""
    for name in names:
        numbers = table.parsed[name]
        allowed = "several targets are all numbers, or all labels of 0 and 1, true and false, yes and no;"
        if not numbers.is_number:
            row = int(np.flatnonzero(~np.isfinite(numbers.values))[0])
            others = [each for each in names if each != name]
            raise table.bad_cell_error(name, row, allowed, typed("target", others))
        if len(numbers.bad):
            raise table.bad_cell_error(
                name, int(numbers.bad[0]), "the other cells are numbers, and each must be finite;"
            )
    values = np.stack([table.parsed[name].values for name in names], axis=1)
    rows = np.flatnonzero(~np.logical_or.reduce([table.parsed[name].missing for name in names]))
    if not len(rows):
        raise DataError(
            f"no row of {table.path} has a value in each of {', '.join(map(repr, names))};",
            "a target needs one in each row that is used;",
            "fill them, or try fewer columns in data.target.",
        )
    return Target(values[rows], rows.tolist(), None, kind="number", target_names=[*names])


def _in_order(table: Table, names: Sequence[str], known: Sequence[str], of_run: str) -> list[str]:
    """The columns in the order of a run's labels."""
    columns = {name: table.name_of(name) for name in known}
    if set(columns.values()) != set(names):
        raise DataError(
            f"data.target is {', '.join(names)};",
            f"{of_run} the labels {listed(known, 20)};",
            f"try {typed('target', [*known])}.",
        )
    return [str(each) for each in columns.values()]


def _by_value(labels: set[str]) -> type | None:
    """The sort key of labels: their value if all are whole numbers."""
    return int if all(label.isascii() and label.isdigit() for label in labels) else None


def _other_separator(cells: Sequence[str], classes: Sequence[str]) -> str:
    """A separator that makes lists of labels of a column of words, which then repeat; empty if there is none."""
    for separator in _OTHER_SEPARATORS:
        if sum(separator in name for name in classes) < 0.2 * len(classes):
            continue
        labels = {part.strip() for name in classes for part in name.split(separator)}
        if "" not in labels and len(labels) < len(classes) and all(" " not in label for label in labels):
            return separator
    return ""
