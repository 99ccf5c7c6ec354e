"""A table ready to be split and encoded: which rows and columns are used, what the target is, and why.

Imports no torch: ``csv_file`` makes tensors of it, and a mistake is reported before torch is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netyard.data.tables.columns import MAX_WORDS, Column, Missing, fit_number, fit_words, read_numbers
from netyard.data.tables.csv_reader import Table, read_table, require_columns, typed
from netyard.data.tables.kinds import Guess, Kind, guess
from netyard.data.tables.numeric_cells import Decimal, Reading, missing_words, parse
from netyard.data.tables.several_targets import EmptyTarget, TargetSettings, read_targets
from netyard.data.tables.targets import Target, TargetKind
from netyard.errors import DataError
from netyard.io.readable import listed


@dataclass(frozen=True)
class TableSettings:
    """How a table is read: the keys of ``data=csv`` with these names."""

    path: str
    target: str | Sequence[str] | None
    target_kind: TargetKind = "auto"
    label_separator: str | None = None
    empty_target: EmptyTarget = "drop"
    drop: Sequence[str] = ()
    categories: Sequence[str] = ()
    numbers: Sequence[str] = ()
    missing: Missing = "refuse"
    missing_marks: Sequence[str] | None = None
    decimal: Decimal = "auto"
    encoding: str | None = None
    header: bool | None = None
    group: str | None = None
    key: str = "path"
    """The key that names the file, for messages; ``test_path`` of one beside that for training."""
    more_classes: bool = False
    """Whether classes may be in one of the files alone: see ``read_target``."""
    assumed: str | None = None
    """The class of all rows if the table has no column of the target, which files for testing have."""

    @property
    def targets(self) -> list[str]:
        """The names of the columns of the target, as they are typed; empty for a table without one."""
        if self.target is None:
            return []
        return [*map(_text, self.target)] if isinstance(self.target, list | tuple) else [_text(self.target)]

    @property
    def reading(self) -> Reading:
        return Reading(self.decimal, None if self.missing_marks is None else tuple(map(_text, self.missing_marks)))


@dataclass
class PreparedTable:
    """The rows that are used, with their targets, and what each column is."""

    table: Table
    target: Target
    guesses: dict[str, Guess]
    settings: TableSettings
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What is not used: (what, count, why)."""

    @property
    def features(self) -> list[str]:
        """The names of the columns that are features."""
        return [name for name, each in self.guesses.items() if each.used]

    def fit(self, train: np.ndarray) -> list[Column]:
        """The encoding of each feature, fitted on the training rows, of which ``train`` are the indices.

        Raises:
            DataError: see ``fit_number`` and ``fit_words``.
        """
        fits = {"number": fit_number, "category": fit_words}
        reading = self.settings.reading
        return [
            fits[self.guesses[name].kind](self.table, name, train, self.settings.missing, reading)
            for name in self.features
        ]

    def columns_summary(self) -> dict[str, dict[str, Any]]:
        """Kind and use of each column of the file, in plain types."""
        return {
            name: {"kind": each.kind, "used": each.used, **({"why": each.why} if each.why else {}), **each.facts}
            for name, each in self.guesses.items()
        }


def prepare(
    settings: TableSettings,
    columns: Sequence[Column] = (),
    class_names: Sequence[str] | None = None,
    trained_kind: TargetKind | None = None,
) -> PreparedTable:
    """Read a table.

    Args:
        columns: of a run, which other data must have; empty for a new run.
        class_names: the classes or labels of that run; None if its target is a number.
        trained_kind: the kind of its target.

    Raises:
        DataError: see ``read_table``, ``read_targets`` and ``Column.encode``; there is no such column, or no feature.
    """
    table = read_table(
        Path(settings.path).expanduser(), f"data.{settings.key}", settings.encoding, header=settings.header
    )
    beside = settings.key != "path"
    if beside:
        require_columns(table, settings.targets, "data.path has")
    assumed = settings.assumed is not None and not beside and table.name_of(settings.targets[0]) is None
    names = [] if assumed else _target_columns(table, settings)
    # Of a run the columns decide: another file need not have those that are left out.
    own: dict[str, Kind] = dict.fromkeys(names, "target")
    chosen = own if columns else _chosen(table, settings, names)
    reading = settings.reading
    if columns:
        parse(table, names, reading)
        read_numbers(columns, table)
        of_run = "data.path has" if beside else "the network was trained on"
        require_columns(table, [column.name for column in columns], of_run)
        guesses = _of_run(table, columns, chosen)
    else:
        parse(table, table.columns, reading)
        guesses = _guesses(table, reading, chosen)
    left_out = [*table.left_out, *_columns_left_out(guesses)]
    if not any(each.used for each in guesses.values()):
        raise _no_feature_error(table, guesses, names)
    if settings.missing == "drop":
        table = _without_gaps(table, guesses, columns, reading, left_out)
    if assumed:
        known = [*(class_names or [str(settings.assumed)])]
        values = np.full(len(table.lines), known.index(str(settings.assumed)), dtype=np.int64)
        return PreparedTable(table, Target(values, [*range(len(values))], known), guesses, settings, left_out)
    if not names:
        count = len(table.lines)
        return PreparedTable(
            table,
            Target(np.zeros(count), [*range(count)], None, kind="number", absent=True),
            guesses,
            settings,
            left_out,
        )
    # The columns of a run decide: in another file, ``auto`` could find another kind of target.
    kind = (trained_kind if columns else None) or settings.target_kind
    how = TargetSettings(kind, settings.label_separator, settings.empty_target, settings.more_classes)
    of_run = "data.path has" if beside else "the run was trained on"
    target = read_targets(table, names, how, reading, class_names if columns else None, of_run)
    told = {"class": "classes", "labels": "labels", "number": "numbers"}[target.kind]
    for name in names:
        guesses[name].facts["as"] = told
    guesses[names[0]].facts |= {"note": target.note} if target.note else {}
    if without := len(table.lines) - len(target.rows):
        left_out.append(("rows", without, why_left_out(table, names, target)))
    return PreparedTable(table.take(target.rows), target, guesses, settings, left_out)


def why_left_out(table: Table, names: Sequence[str], target: Target) -> str:
    """Why rows have no target: its cells that are no value, and what keeps rows that mean that there are no labels."""
    lacking = {*range(len(table.lines))} - {*target.rows}
    if len(names) == 1:
        marks = {table.columns[names[0]][row] for row in lacking}
        shown = ", ".join(repr(mark) if mark else "empty" for mark in sorted(marks))
        why = f"the target {names[0]!r} is {shown}"
    else:
        why = f"a target of {listed([*map(repr, names)], 5)} is missing"
    return f"{why}; data.empty_target=no_label: no label" if target.kind == "labels" else why


def _target_columns(table: Table, settings: TableSettings) -> list[str]:
    """The columns of the target.

    Raises:
        DataError: there is no such column, or it is named twice.
    """
    several = len(settings.targets) > 1
    for name in settings.targets:
        table.column(name, listed=several)
    names = [table.name_of(name) or name for name in settings.targets]
    if settings.target is None:
        return []
    if not names or len(set(names)) < len(names):
        given = "is empty" if not names else f"is {', '.join(settings.targets)}, which names a column twice"
        raise DataError(
            f"data.target {given};",
            "it is a column, or a list of different columns;",
            f"try {typed('target', [*dict.fromkeys(names)] or [*table.columns][-1])}.",
        )
    return names


def _columns_left_out(guesses: Mapping[str, Guess]) -> list[tuple[str, int, str]]:
    """The columns that are no features, together where the reason is the same."""
    reasons: dict[str, list[str]] = {}
    for name, each in guesses.items():
        if each.why:
            reasons.setdefault(each.why, []).append(name)
    return [
        (f"{'columns:' if len(names) > 1 else 'column'} {listed([*map(repr, names)], 5)}", len(names), why)
        for why, names in reasons.items()
    ]


def _text(name: Any) -> str:
    """A name as text: YAML reads the names 1 and true as other types."""
    return str(name)


def _chosen(table: Table, settings: TableSettings, targets: Sequence[str]) -> dict[str, Kind]:
    """What the user says of columns, by name.

    Raises:
        DataError: there is no such column.
    """
    chosen: dict[str, Kind] = {}
    lists: tuple[tuple[str, Sequence[str], Kind], ...] = (
        ("categories", settings.categories, "category"),
        ("numbers", settings.numbers, "number"),
        ("drop", settings.drop, "dropped"),
    )
    for key, names, kind in lists:
        for name in map(_text, names):
            table.column(name, key, listed=True)  # a misspelt name would otherwise do nothing
            chosen[table.name_of(name) or name] = kind
    if settings.group is not None:
        table.column(_text(settings.group), "group")
        chosen[table.name_of(_text(settings.group)) or ""] = "group"
    return chosen | dict.fromkeys(targets, "target")


def _guesses(table: Table, reading: Reading, chosen: Mapping[str, Kind]) -> dict[str, Guess]:
    """The kind of each column of the file, those that are no features included."""
    features = {name: kind for name, kind in chosen.items() if kind in ("number", "category")}
    guesses = guess(
        table, [name for name in table.columns if chosen.get(name) in (None, *features.values())], reading, features
    )
    return {name: guesses.get(name) or _not_a_feature(chosen[name]) for name in table.columns}


def _of_run(table: Table, columns: Sequence[Column], chosen: Mapping[str, Kind]) -> dict[str, Guess]:
    """The kinds of the columns that a run was trained on; others of the file are not used."""
    kinds: dict[str | None, Kind] = {
        table.name_of(each.name): "number" if each.words is None else "category" for each in columns
    }
    return {
        name: Guess(kinds[name], True) if name in kinds else Guess(chosen.get(name, "dropped"), False)
        for name in table.columns
    }


def _not_a_feature(kind: Kind) -> Guess:
    return Guess(kind, False, {"dropped": "data.drop names it", "group": "it groups the rows"}.get(kind, ""))


def _without_gaps(
    table: Table,
    guesses: Mapping[str, Guess],
    columns: Sequence[Column],
    reading: Reading,
    left_out: list[tuple[str, int, str]],
) -> Table:
    """The table without the rows that have a missing feature."""
    if columns:
        gaps = {column.name: column.unusable(table) for column in columns}
    else:
        used = {name: each.kind for name, each in guesses.items() if each.used}
        gaps = {
            name: table.parsed[name].missing if kind == "number" else missing_words(table.columns[name], reading)
            for name, kind in used.items()
        }
    missing = np.logical_or.reduce([*gaps.values()])
    if not missing.any():
        return table
    names = [name for name, each in gaps.items() if each.any()]
    shown = listed([*map(repr, names)], 5)
    if missing.all():
        raise DataError(
            f"each row of {table.path} has a missing cell, in {shown};",
            "data.missing=drop leaves out such rows;",
            "try data.missing=mean.",
        )
    left_out.append(("rows", int(missing.sum()), f"missing in {shown}, data.missing=drop"))
    return table.take(np.flatnonzero(~missing).tolist())


def _no_feature_error(table: Table, guesses: Mapping[str, Guess], targets: Sequence[str]) -> DataError:
    given = f"no column of {table.path} is left besides the target {listed([*map(repr, targets)], 5)};"
    allowed = "at least one feature is needed;"
    reasons = {name: each for name, each in guesses.items() if not each.used and each.why}
    dropped = [name for name, each in reasons.items() if each.kind == "dropped"]
    if dropped:
        return DataError(given, allowed, f"try {typed('drop', dropped[:-1])}.")
    reason = ", ".join(f"{name!r} is left out ({each.why})" for name, each in reasons.items())
    texts = [name for name, each in reasons.items() if each.kind == "text"]
    if texts and len(targets) == 1:
        given_keys = f"data.path={table.path} {typed('column', texts[0])} {typed('target', targets[0])}"
        return DataError(given, f"{reason}; {allowed}", f"try data=labelled_text {given_keys} model=bilstm.")
    for name in reasons:
        numbers = table.parsed[name]
        if numbers.is_number and not len(numbers.bad):
            return DataError(given, f"{reason}; {allowed}", f"try {typed('numbers', [name])}.")
        if 1 < len(set(table.columns[name])) <= MAX_WORDS:
            return DataError(given, f"{reason}; {allowed}", f"try {typed('categories', [name])}.")
    return DataError(given, f"{reason}; {allowed}" if reason else allowed, "add a column.")
