"""Rows of a user's file, encoded as the columns of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netyard.data.core.table_inputs import rows
from netyard.data.tables.columns import Column
from netyard.errors import DataError

Write = Callable[[str], Path]


def read(path: Path, *columns: Column, batch_size: int = 2) -> list[Any]:
    return list(rows(str(path), columns, batch_size).batches)


def test_rows_that_cannot_be_encoded_are_refused_alone(write_csv: Write) -> None:
    path = write_csv("a,g\n1,u\n,u\n3,\nold,v\n5,v\n")
    column, words = Column("a", 1.0, 2.0, missing="drop"), Column("g", words=["u", "v"], missing="drop")
    batches = read(path, column, words)
    assert [batch.names for batch in batches] == [[0], [], [4]]
    assert [batch.x.tolist() for batch in batches] == [[[0, 1, 0]], [], [[2, 0, 1]]]
    assert [str(error).partition(";")[0] for batch in batches for error in batch.refused] == [
        f"row 1: column 'a', line 3 of {path} is empty",
        f"row 2: column 'g', line 4 of {path} is empty",
        f"row 3: column 'a', line 5 of {path} is 'old'",
    ]


def test_a_strategy_fills_each_row_by_the_training_split(write_csv: Write) -> None:
    path = write_csv("a,g\n1,u\nNA,?\n")
    column, words = Column("a", 1.0, 2.0, missing="indicator", indicator=True), Column("g", words=["u"], missing="mean")
    (batch,) = read(path, column, words)
    assert batch.x.tolist() == [[0, 0, 1], [0, 1, 0]]
    with pytest.raises(
        DataError, match=r"column 'a', line 3 of .* is 'NA'; the network was trained on a finite number"
    ):
        read(path, Column("a"))


def test_the_decimal_separator_is_that_of_the_whole_file(write_csv: Write) -> None:
    # The first batch alone could have thousands.
    path = write_csv("a;b\n1,234;1\n2,345;1\n0,5;1\n")
    first, second = read(path, Column("a", 0.0, 1.0))
    assert first.x.squeeze(1).tolist() == pytest.approx([1.234, 2.345]) and second.x.tolist() == [[0.5]]


def test_words_that_training_has_not_seen_are_told_once(write_csv: Write, caplog: Any) -> None:
    path = write_csv("g,a\nw,1\nu,1\nw,1\nz,1\n")
    read(path, Column("g", words=["u", "v"]))
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{path}: column 'g': 3 cell(s) with 2 value(s) that the training split does not have, such as 'w';"
        " they are encoded as zeros"
    )
