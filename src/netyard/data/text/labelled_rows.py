"""Texts with their classes, from a table or from folders of text files. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netyard.data.images.files import subfolders
from netyard.data.tables.csv_reader import Table, read_table, typed
from netyard.data.tables.first_lines import number_of
from netyard.data.text.text_files import read_documents
from netyard.errors import DataError

_TEXTS = (
    "text",
    "texts",
    "review",
    "sentence",
    "comment",
    "content",
    "body",
    "message",
    "tweet",
    "document",
    "abstract",
)
_LABELS = ("label", "labels", "class", "target", "sentiment", "category", "polarity", "topic", "rating", "stars")
_PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
_PARTS |= {"test": "test", "testing": "test"}
_UNLABELLED = ("unsup", "unlabelled", "unlabeled")
MAX_SHARE = 0.5  # classes for each text; with more, the labels are no classes


@dataclass
class LabelledRows:
    """Texts and their labels in the order of the file or of the folders."""

    place: Path
    texts: list[str]
    labels: list[str]
    column: str = "text"
    """The column of the texts."""
    target: str = "label"
    """The column of the labels; of folders ``folder``."""
    parts: dict[str, list[int]] = field(default_factory=dict)
    """The texts of ``train``, ``val`` and ``test``, if folders say so; else empty."""
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What is not used: (what, count, why)."""
    guessed: str = ""
    """What was guessed of the columns, as a sentence."""


@dataclass(frozen=True)
class Columns:
    """The keys that name the columns, and what the user has given for them; None is guessed."""

    column: str | None = None
    target: str | None = None
    column_key: str = "column"
    target_key: str = "target"

    def text_column(self, table: Table) -> str:
        """The column of the texts.

        Raises:
            DataError: there is no such column.
        """
        guess = text_column(table, [self.target] if self.target else [])
        if self.column is None:
            return guess
        return _named(table, self.column, self.column_key, guess)

    def label_column(self, table: Table, texts: str) -> str:
        """The column of the labels, which is not that of the texts.

        Raises:
            DataError: there is no such column, or none that could be it.
        """
        guess = _label_column(table, texts)
        if self.target is not None:
            return _named(table, self.target, self.target_key, guess or "")
        if guess is None:
            raise DataError(
                f"no column of {table.path} looks like labels;",
                f"it has {', '.join(list(table.columns)[:20])}, and each text needs one of a few classes;",
                f"name it by {typed(self.target_key, list(table.columns)[-1])}.",
            )
        return guess


def columns_of(data: Mapping[str, Any]) -> Columns:
    """The columns as the keys ``column`` and ``target`` of a data set name them, or their older names."""
    pairs = (("column", "text_column"), ("target", "label_column"))
    keys = [older if data.get(older) is not None and data.get(key) is None else key for key, older in pairs]
    values = [None if data.get(key) is None else str(data[key]) for key in keys]
    return Columns(values[0], values[1], keys[0], keys[1])


def read_labelled(path: Path, columns: Columns, key: str = "data.path", encoding: str | None = None) -> LabelledRows:
    """Texts and labels of a .csv or .tsv file, or of a folder with a folder of text files for each class.

    Args:
        key: the config key that names the place, for messages.

    Raises:
        DataError: the errors of ``read_table``; a missing column; an empty text or label; a folder without classes.
    """
    if path.is_dir():
        return _folders(path, key, encoding)
    table = read_table(path, key, encoding)
    texts = columns.text_column(table)
    labels = columns.label_column(table, texts)
    told = [
        f"{what} are the column {name!r} (data.{key})"
        for what, name, key, given in (
            ("texts", texts, columns.column_key, columns.column),
            ("labels", labels, columns.target_key, columns.target),
        )
        if given is None
    ]
    return LabelledRows(
        table.path,
        nonempty_cells(table, texts, columns.column_key),
        nonempty_cells(table, labels, columns.target_key),
        texts,
        labels,
        left_out=list(table.left_out),
        guessed=", ".join(told),
    )


def text_column(table: Table, others: Sequence[str] = ()) -> str:
    """The column that most likely has the texts: by its name, or that with the longest cells."""
    names = [name for name in table.columns if name not in others] or list(table.columns)
    by_name = {name.lower(): name for name in reversed(names)}
    if found := next((by_name[name] for name in _TEXTS if name in by_name), None):
        return found
    return max(names, key=lambda name: sum(map(len, table.columns[name])))


def require_classes(rows: LabelledRows, names: Sequence[str], key: str = "target") -> None:
    """Refuse a single class, or labels that are different in most texts.

    Raises:
        DataError: they are.
    """
    if len(names) < 2:
        raise DataError(
            f"column {rows.target!r} of {rows.place} contains only one class, {names[0]!r};",
            "a classification needs at least two;",
            f"try another data.{key}.",
        )
    if len(names) > 10 and len(names) > MAX_SHARE * len(rows.labels):
        raise DataError(
            f"column {rows.target!r} of {rows.place} has {len(names):,} different labels in {len(rows.labels):,} rows;",
            "a class has several texts;",
            f"name the column of the classes by data.{key}=COLUMN.",
        )


def class_remark(names: Sequence[str]) -> str:
    """A sentence about classes that are many numbers; empty if they are not."""
    if len(names) <= 10 or any(number_of(name) is None for name in names):
        return ""
    return f"{len(names)} numbers are taken as classes, whose order is not used"


def nonempty_cells(table: Table, name: str, key: str) -> list[str]:
    """The cells of a column; ``key`` is the config key that names it.

    Raises:
        DataError: a cell is empty.
    """
    cells = table.column(name, key)
    if "" in cells:
        raise DataError(
            f"column {name!r}, line {table.lines[cells.index('')]} of {table.path} is empty;",
            "every sample needs a text and a label;",
            "fill or drop that line.",
        )
    return cells


def _named(table: Table, name: str, key: str, guess: str) -> str:
    found = table.name_of(name)
    if found is None:
        raise table.no_column_error(name, typed(key, guess or list(table.columns)[-1]))
    return found


def _label_column(table: Table, texts: str) -> str | None:
    """The column that most likely has the labels: by its name, or the last one with few different cells."""
    names = [name for name in table.columns if name != texts]
    by_name = {name.lower(): name for name in reversed(names)}
    if found := next((by_name[name] for name in _LABELS if name in by_name), None):
        return found
    few = [name for name in names if 1 < len(set(table.columns[name])) <= max(2, len(table.lines) // 3)]
    return few[-1] if few else names[0] if len(names) == 1 else None


def _folders(root: Path, key: str, encoding: str | None) -> LabelledRows:
    """The texts of the folders of classes, in folders of parts if there are any."""
    parts = {_PARTS[name.lower()]: root / name for name in subfolders(root) if name.lower() in _PARTS}
    if "train" not in parts and not ("test" in parts and not _class_folders(root, parts)):
        parts = {}
    rows = LabelledRows(root, [], [], "text", "folder")
    for part, folder in (parts or {"": root}).items():
        for name in _class_folders(folder, {}):
            documents = read_documents(folder / name, key, encoding, keep_all=True)
            texts = [text.strip() for text in documents.texts if text.strip()]
            if name.lower() in _UNLABELLED:
                rows.left_out.append(("texts", len(texts), f"the folder {name} has no labels"))
                continue
            if empty := len(documents.texts) - len(texts):
                rows.left_out.append(("files", empty, "without text"))
            if part:
                first = len(rows.texts)
                rows.parts.setdefault(part, []).extend(range(first, first + len(texts)))
            rows.texts += texts
            rows.labels += [name] * len(texts)
            rows.left_out += documents.left_out
    if not rows.texts:
        raise DataError(
            f"{root} has no folders with texts;",
            f"{key} is a table with a column of texts, or a folder with a folder of .txt files for each class;",
            "try data.path=FILE.csv, or data=text for a language model.",
        )
    return rows


def _class_folders(folder: Path, parts: dict[str, Path]) -> Iterator[str]:
    return (name for name in subfolders(folder) if folder / name not in parts.values())
