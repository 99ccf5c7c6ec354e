"""Read a CSV file as columns of text, in the formats that spreadsheets and statistics programs write.

Imports no torch, so that a mistake in a file is reported at once.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netyard.data.tables.file_text import read_text
from netyard.data.tables.first_lines import is_row, number_of, start_of
from netyard.errors import DataError
from netyard.io.readable import listed

_NO_DELIMITER = "\x1f"  # is in no text: each line of a file with one column is one cell


@dataclass
class Table:
    """The cells by column name, and the line number of each row in the file."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    delimiter: str = ","
    format: dict[str, Any] = field(default_factory=dict)
    """How the file was read, where that was a guess: encoding, delimiter, header."""
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What of the file is in no column: (what, count, why)."""
    parsed: dict[str, Any] = field(default_factory=dict)
    """Columns that were read as numbers: see ``numeric_cells.numbers``."""

    def column(self, name: str, key: str = "target", listed: bool = False) -> list[str]:
        """The cells of a column; ``key`` is the config key below ``data`` that names it, in a list if ``listed``.

        Raises:
            DataError: there is no column of that name.
        """
        if (found := self.name_of(name)) is not None:
            return self.columns[found]
        # If no name is similar, the last column: that is where most tables have their target.
        near = (difflib.get_close_matches(name, self.columns, n=1, cutoff=0.4) or list(self.columns)[-1:])[0]
        raise self.no_column_error(name, typed(key, [near] if listed else near))

    def no_column_error(self, name: str, hint: str) -> DataError:
        """The error for a name that no column has; ``hint`` is what to type."""
        return DataError(
            f"{self.path} has no column {name!r};", f"it has {', '.join(list(self.columns)[:20])};", f"try {hint}."
        )

    def name_of(self, name: str) -> str | None:
        """The column that is meant by a name: ``1`` from YAML is the column "1", ``True`` the column "true"."""
        if name in self.columns:
            return name
        if name == "":  # checkpoints of older versions name a column without a name like this
            return next((each for each in self.columns if each.startswith("unnamed_")), None)
        # Hydra reads `true` as a boolean, and `1e3` as a number.
        if name.lower() in ("true", "false"):
            return next((each for each in self.columns if each.lower() == name.lower()), None)
        if (number := number_of(name)) is not None:
            return next((each for each in self.columns if number_of(each) == number), None)
        spaced = " ".join(name.split())  # a name with a line break, from a checkpoint of an older version
        return spaced if spaced in self.columns else None

    def bad_cell_error(self, name: str, row: int, allowed: str, hint: str = "") -> DataError:
        """The error for a cell that cannot be used; ``hint`` is what to type besides a repair."""
        cell = self.columns[name][row]
        return DataError(
            f"column {name!r}, line {self.lines[row]} of {self.path} is {repr(cell) if cell else 'empty'};",
            allowed,
            f"repair or drop that line, or try {hint or typed('drop', [name])}.",
        )

    def rows(self, first: int, last: int) -> Table:
        """The table of the rows ``first`` to ``last - 1``."""
        return self._part(range(first, min(last, len(self.lines))))

    def take(self, rows: Sequence[int]) -> Table:
        """The table of some rows."""
        return self if len(rows) == len(self.lines) else self._part(rows)

    def _part(self, rows: Sequence[int]) -> Table:
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        parsed = {name: each.take(rows) for name, each in self.parsed.items()}
        lines = [self.lines[row] for row in rows]
        return Table(self.path, columns, lines, self.delimiter, self.format, self.left_out, parsed)


def typed(key: str, value: str | list[str]) -> str:
    """``data.key=value`` as a user types it in a shell: with quotes if a character has a meaning there."""
    names = value if isinstance(value, list) else [value]
    plain = all(re.fullmatch(r"[\w./-]+", name, re.ASCII) for name in names)
    text = ",".join(name if plain else "'" + name.replace("'", "\\'") + "'" for name in names)
    text = f"[{text}]" if isinstance(value, list) else text
    return f"data.{key}={text}" if plain else f'"data.{key}={text}"'


def read_table(
    path: Path,
    key: str = "data.path",
    encoding: str | None = None,
    header: bool | None = None,
    keep_empty: bool = False,
) -> Table:
    """Read a CSV file whose first line has the column names; the delimiter is , ; | a tab, or spaces.

    Args:
        path: the file.
        key: the config key or option that names the file, for messages.
        encoding: of the text. None: UTF-8, or what a byte order mark says, or Windows-1252.
        header: whether the first line has the names. None: unless it looks like the other lines.
        keep_empty: whether a row of empty cells is kept, if it is not a blank line, or there is one column.

    Raises:
        DataError: there is no such file, it is not text, it has no rows, two columns have the same name, or a row
            has more or fewer cells than there are names.
    """
    text, used = read_text(path, key, encoding)
    found: dict[str, Any] = {"encoding": used} if used != "utf-8" else {}
    skipped: list[tuple[str, int, str]] = []
    start, delimiter = start_of(text.split("\n"), skipped)
    if start:
        text = text.split("\n", start)[start]
    if delimiter == " ":
        text = "\n".join(line.strip() for line in text.split("\n"))
    if delimiter not in (",", None):
        found["delimiter"] = delimiter
    delimiter = delimiter or _NO_DELIMITER
    # skipinitialspace: without it, the quotes in ``1, "a, b"`` would not be recognised.
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    names = [" ".join(name.removeprefix("# ").split()) for name in next(reader, [])]
    first_line = reader.line_num + start
    rows: list[list[str]] = []
    lines: list[int] = []
    comments = 0
    spaces = re.search(r"[^\S\n]", text) is not None  # without any, millions of cells need no strip()
    for row in _read_rows(reader, path):
        cells = [cell.strip() for cell in row] if spaces else row
        if len(row) == 1 < len(names) and cells[0].startswith("#"):
            comments += 1
        elif any(cells) or (keep_empty and (cells or len(names) == 1)):  # not a blank line
            rows.append(cells or [""])
            lines.append(reader.line_num + start)  # the last line of a row whose quoted cell has line breaks
    if comments:
        skipped.append(("lines of comments", comments, "they begin with #"))
    names = _align(names, rows, lines, path)
    if header is False or (header is None and is_row(names, rows)):
        rows.insert(0, names)
        lines.insert(0, first_line)
        names = [f"column_{number}" for number in range(1, len(names) + 1)]
        found["header"] = False
    if not rows:
        raise DataError(f"{path} has no rows;", "the first line names the columns, each other is a sample;", "fill it.")
    columns = [list(cells) for cells in zip(*rows, strict=True)]
    return Table(path, _named(names, columns, skipped, path), lines, delimiter, found, skipped)


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


def _align(names: list[str], rows: list[list[str]], lines: list[int], path: Path) -> list[str]:
    """The names of the columns, one for each cell of every row; empty cells at the end of rows are cut in place.

    Raises:
        DataError: a row has more or fewer cells than there are names.
    """
    width = len(names)
    # R writes the names of rows into a first column that has no name.
    if rows and all(len(row) == width + 1 for row in rows) and any(row[-1] for row in rows):
        return ["", *names]
    for row, line in zip(rows, lines, strict=True):
        if len(row) > width and not any(row[width:]):  # delimiters at the end of the line
            del row[width:]
        if len(row) != width:
            raise DataError(
                f"line {line} of {path} has {len(row)} cells;",
                f"the first line names {width} columns;",
                "repair or drop that line.",
            )
    return names


def _named(
    names: Sequence[str], columns: Sequence[list[str]], skipped: list[tuple[str, int, str]], path: Path
) -> dict[str, list[str]]:
    """The columns by name; those without a name and without a cell, and exact copies of others, are left out.

    Raises:
        DataError: two different columns have the same name.
    """
    empty = 0
    found: dict[str, list[str]] = {}
    for number, (name, cells) in enumerate(zip(names, columns, strict=True), start=1):
        if not name and not any(cells):
            empty += 1
        elif not name:
            found[f"unnamed_{number}"] = cells
        elif name not in found:
            found[name] = cells
        elif found[name] == cells:
            skipped.append(("columns", 1, f"{name!r} is there twice, with the same cells"))
        else:
            raise DataError(
                f"{path} names column {name!r} twice, with different cells;",
                "names must differ;",
                "rename one of them.",
            )
    if empty:
        skipped.append(("columns", empty, "they have neither a name nor a cell"))
    return found


def require_columns(table: Table, names: Sequence[str], of_run: str = "the network was trained on") -> None:
    """Refuse a table without some of the columns of the training data; ``of_run`` says what has them.

    Raises:
        DataError: a column is missing.
    """
    missing = [name for name in names if table.name_of(name) is None]
    if missing:
        raise DataError(
            f"{table.path} has no column {listed([*map(repr, missing)], 20)};",
            f"{of_run} {listed(names, 20)};",
            f"its first line names {listed(table.columns, 20)}: rename or add.",
        )
