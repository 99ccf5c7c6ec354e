"""Rows of a user's CSV file, encoded as the columns of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.tables.csv_reader import Column, Table, encode, read_table
from netyard.errors import DataError


def rows(where: str, columns: Sequence[Column], batch_size: int) -> Inputs:
    """Rows of a CSV file, read from the columns of the training data by name, and encoded in the same way.

    Raises:
        DataError: what ``read_table`` refuses; columns that are missing; while reading, what ``Column.encode`` refuses.
    """
    table = read_table(Path(where).expanduser(), "input")
    require_columns(table, [column.name for column in columns])

    def batches() -> Iterator[InputBatch]:
        # Encoded batch by batch: a one-hot column may take a hundred times the memory of its text.
        for first in range(0, len(table.lines), batch_size):
            part = table.rows(first, first + batch_size)
            yield InputBatch(range(first, first + len(part.lines)), torch.from_numpy(encode(columns, part)).float())

    return Inputs("row", batches(), len(table.lines))


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Refuse a table without some of the columns of the training data.

    Raises:
        DataError: a column is missing.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(
            f"{table.path} has no column {_listed(map(repr, missing))};",
            f"the network was trained on {_listed(names)};",
            f"its first line names {_listed(table.columns)}: rename or add.",
        )


def _listed(names: Iterable[str], most: int = 20) -> str:
    names = list(names)
    return ", ".join([*names[:most], *["..."] * (len(names) > most)])
