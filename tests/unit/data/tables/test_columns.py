"""The encoding of columns: hand-computed features, missing cells, words that training has not seen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netyard.data.tables.columns import Column, decode, encode, fit_number, fit_words, read_numbers, unseen_words
from netyard.data.tables.csv_reader import Table
from netyard.data.tables.numeric_cells import Reading, parse
from netyard.errors import DataError

ALL = np.array([0, 1, 2])


def table(**columns: list[str]) -> Table:
    made = Table(Path("new.csv"), columns, [*range(2, 2 + len(next(iter(columns.values()))))])
    parse(made, columns, Reading())
    return made


def fit(cells: list[str], missing: Any, train: np.ndarray = ALL) -> Column:
    made = table(x=cells)
    return (fit_number if made.parsed["x"].is_number else fit_words)(made, "x", train, missing, Reading())


def test_missing_numbers() -> None:
    # Present: 1 and 3, mean 2, standard deviation 1.
    cells = ["1", "", "3"]
    with pytest.raises(DataError, match=r"column 'x', line 3 of new\.csv is empty; .*or try data\.missing=mean"):
        fit(cells, "refuse")
    assert encode([fit(cells, "mean")], table(x=cells)).tolist() == [[-1], [0], [1]]
    assert encode([fit(cells, "indicator")], table(x=cells)).tolist() == [[-1, 0], [0, 1], [1, 0]]
    # None is missing in the training rows: there is nothing that a feature could be learned from.
    column = fit(["1", "3", "NA"], "indicator", np.array([0, 1]))
    assert column.num_features == 1 and encode([column], table(x=["?", "3"])).tolist() == [[0], [1]]


def test_missing_words() -> None:
    cells = ["a", "?", "b"]
    with pytest.raises(DataError, match=r"column 'x', line 3 of new\.csv is '\?'; .*or try data\.missing=indicator"):
        fit(cells, "refuse")
    assert encode([fit(cells, "mean")], table(x=cells)).tolist() == [[1, 0], [0, 0], [0, 1]]
    assert encode([fit(cells, "indicator")], table(x=cells)).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_features_become_cells_again() -> None:
    cells = {"age": ["31", "", "40"], "price": ["1.5", "2.25", "4"], "kind": ["a", "?", "b"]}
    made = table(**cells)
    columns = [
        fit_number(made, "age", ALL, "indicator", Reading()),
        fit_number(made, "price", ALL, "refuse", Reading()),
        fit_words(made, "kind", ALL, "indicator", Reading()),
    ]
    moments = [pair for column in columns for pair in column.moments]
    features = encode(columns, made) * [std for _, std in moments] + [mean for mean, _ in moments]
    assert decode(columns, features.astype(np.float32)) == {
        "age": [31, None, 40],  # as in the file, whole
        "price": [1.5, 2.25, 4.0],
        "kind": ["a", None, "b"],
    }
    # What a network makes: between two words the larger one, and whole numbers again.
    near = decode(columns, np.array([[35.6, 0.2, 1.2345678, 0.4, 0.45, 0.1]], dtype=np.float32))
    assert near == {"age": [36], "price": [1.2345678], "kind": ["b"]}


def test_dropped_rows_are_named() -> None:
    column = fit(["1", "", "3"], "drop")
    assert column.unusable(table(x=["", "7", "old", "1"])).tolist() == [True, False, True, False]
    assert "line 3 of new.csv is 'old'; the network was trained on a finite number there" in str(
        column.bad_cell_error(table(x=["", "old"]), 1)
    )


def test_other_files_may_write_numbers_in_another_way() -> None:
    column = fit(["1,5", "2,5", "3,5"], "refuse")
    assert (column.mean, column.decimal) == (2.5, ",")
    scale = 1 / column.std
    for cells in (["1,5", "3,5"], ["1.5", "3.5"]):
        np.testing.assert_allclose(encode([column], table(x=cells))[:, 0], [-scale, scale], rtol=1e-6)
    # By itself 2,500 could be 2500: the training data had a decimal comma.
    made = Table(Path("new.csv"), {"x": ["2,500"]}, [2])
    read_numbers([column], made)
    assert encode([column], made).tolist() == [[0]]


def test_words_that_training_has_not_seen_are_counted() -> None:
    unseen: Counter[tuple[str, str]] = Counter()
    column = fit(["a", "b", "a"], "refuse")
    assert encode([column], table(x=["c", "a", "c", "d"]), unseen).tolist() == [[0, 0], [1, 0], [0, 0], [0, 0]]
    assert unseen == {("x", "c"): 2, ("x", "d"): 1}
    (sentence,) = unseen_words(unseen)
    assert sentence.startswith(
        "column 'x': 3 cell(s) with 2 value(s) that the training split does not have, such as 'c'"
    )


def test_a_whole_number_as_category_is_found_with_decimals() -> None:
    column = Column("plz", words=["10115", "20095"])
    unseen: Counter[tuple[str, str]] = Counter()
    assert encode([column], table(plz=["10115.0", "20095", "1011.5"]), unseen).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert unseen == {("plz", "1011.5"): 1}


def test_a_column_of_an_older_checkpoint_behaves_as_before() -> None:
    old = {"name": "x", "mean": 1.0, "std": 2.0, "words": None}
    assert Column(**old).state() == old
    assert encode([Column(**old)], table(x=["5", "1"])).tolist() == [[2], [0]]
    with pytest.raises(DataError, match="is empty; the network was trained on a finite number there"):
        encode([Column(**old)], table(x=["5", ""]))
    # "NA" was a word then, and is one still.
    words = {"name": "x", "mean": 0.0, "std": 1.0, "words": ["NA", "a"]}
    assert Column(**words).state() == words
    assert encode([Column(**words)], table(x=["NA", "a", "b"])).tolist() == [[1, 0], [0, 1], [0, 0]]


def test_the_state_has_what_another_process_needs() -> None:
    column = fit(["1,5", "", "3,5"], "indicator")
    again = Column(**column.state())
    assert again == column and again.encodes_like(column)
    assert not again.encodes_like(fit(["1,5", "", "3,5"], "mean"))
    assert column.moments == [(2.5, 1.0), (0.0, 1.0)]


def test_a_bad_cell_is_answered_with_what_works() -> None:
    many = [str(number) for number in range(9)]
    with pytest.raises(DataError, match=r"line 11 of new\.csv is 'old'; .*or try data\.drop=\[x\]"):
        fit([*many, "old"], "refuse")
    with pytest.raises(DataError, match=r"is 'old'; .*or try data\.categories=\[x\]"):
        fit([*(["1", "2"] * 4), "old"], "refuse")
