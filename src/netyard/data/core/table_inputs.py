"""Rows of a user's CSV file, encoded as the columns of a run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.tables.columns import Column, encode, read_numbers, unseen_words
from netyard.data.tables.csv_reader import Table, read_table, require_columns
from netyard.errors import DataError

log = logging.getLogger(__name__)


def rows(
    where: str, columns: Sequence[Column], batch_size: int, encoding: str | None = None, header: bool | None = None
) -> Inputs:
    """Rows of a CSV file, read from the columns of the training data by name, and encoded in the same way.

    With ``missing=drop`` a row that cannot be encoded is refused alone. Words that the training split does not have are
    told after the last batch.

    Raises:
        DataError: what ``read_table`` refuses; columns that are missing; while reading, what ``Column.encode`` refuses.
    """
    table = read_table(Path(where).expanduser(), "input", encoding, header)
    require_columns(table, [column.name for column in columns])
    # Of the whole file at once: a batch may not show whether a comma is a decimal separator.
    read_numbers(columns, table)

    def batches() -> Iterator[InputBatch]:
        unseen: Counter[tuple[str, str]] = Counter()
        # Encoded batch by batch: a one-hot column may take a hundred times the memory of its text.
        for first in range(0, len(table.lines), batch_size):
            part = table.rows(first, first + batch_size)
            refused = _refused(columns, part, first)
            kept = [row for row in range(len(part.lines)) if row not in refused]
            x = torch.from_numpy(encode(columns, part.take(kept), unseen))
            yield InputBatch([first + row for row in kept], x, refused=[*refused.values()])
        for sentence in unseen_words(unseen):
            log.warning("%s: %s", table.path, sentence)

    return Inputs("row", batches(), len(table.lines))


def _refused(columns: Sequence[Column], part: Table, first: int) -> dict[int, DataError]:
    """The errors of the rows that are left out, by their number in the part."""
    found: dict[int, DataError] = {}
    for column in columns:
        if column.missing == "drop":
            for row in np.flatnonzero(column.unusable(part)).tolist():
                error = column.bad_cell_error(part, row)
                found.setdefault(row, DataError(f"row {first + row}: {error.given}", error.allowed, error.type_this))
    return dict(sorted(found.items()))
