"""Targets of several values in each row: labels in one column or in several, and several numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netyard.data.tables.csv_reader import Table
from netyard.data.tables.numeric_cells import Reading, parse
from netyard.data.tables.several_targets import MAX_LABELS, TargetSettings, read_targets
from netyard.data.tables.targets import Target
from netyard.errors import DataError


def read(columns: dict[str, list[str]], known: list[str] | None = None, **settings: Any) -> Target:
    size = len(next(iter(columns.values())))
    table = Table(Path("films.csv"), columns, [*range(2, size + 2)])
    parse(table, columns, Reading())
    return read_targets(table, [*columns], TargetSettings(**settings), Reading(), known)


def test_lists_in_a_column_are_labels() -> None:
    found = read({"tags": ["war|love", "love", " crime | love|love", "war"]})
    assert found.kind == "labels" and found.class_names == ["crime", "love", "war"]
    assert found.values.tolist() == [[0, 1, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found.facts == {"num_labels": 3}
    assert found.correction == "data.target_kind=class"
    assert read({"tags": ["war|love", "love", "war"]}, target_kind="class").kind == "class"


def test_numbers_are_sorted_by_value_and_other_separators_are_given() -> None:
    assert read({"t": ["10;2", "2"]}, label_separator=";").class_names == ["2", "10"]
    # Otherwise a decimal comma.
    assert read({"t": ["1,3", "1", "3"]}, label_separator=",").values.tolist() == [[1, 1], [1, 0], [0, 1]]
    assert read({"t": ["1,3", "1", "3"]}).kind == "number"


def test_another_separator_is_named_where_it_would_make_lists() -> None:
    found = read({"t": ["a;b", "a", "b", "b;c", "c;a", "c"] * 4})
    assert found.kind == "class"
    assert found.correction == "\"data.label_separator=';'\""
    assert "list of labels" in found.note


@pytest.mark.parametrize("cells", [["", "a|b", "a"], ["NA", "a|b", "a"]])
def test_an_empty_cell_is_unknown_unless_it_means_no_label(cells: list[str]) -> None:
    assert read({"t": cells}).rows == [1, 2]
    found = read({"t": cells}, empty_target="no_label")
    assert found.values.tolist() == [[0, 0], [1, 1], [1, 0]]
    two = {"a": ["1", "", "0"], "b": ["0", "1", "1"]}
    assert read(two).rows == [0, 2]
    assert read(two, empty_target="no_label").values.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_columns_of_yes_and_no_are_labels() -> None:
    found = read({"a": ["1", "0"], "b": ["true", "False"], "c": ["no", "YES"], "d": ["1.0", "0.0"]})
    assert found.class_names == ["a", "b", "c", "d"]
    assert found.values.tolist() == [[1, 1, 0, 1], [0, 0, 1, 0]]
    assert found.correction == "data.target_kind=number"
    assert read({"a": ["1", "0"]}, target_kind="labels").facts == {"num_labels": 1}
    # One column of 0 and 1 is two classes, as ever.
    assert read({"a": ["1", "0"]}).facts == {"num_classes": 2}


def test_columns_of_numbers_are_targets_of_a_regression() -> None:
    found = read({"x": ["1.5", "2", ""], "y": ["10", "20", "30"]})
    assert found.kind == "number" and found.target_names == ["x", "y"] and found.rows == [0, 1]
    assert found.values.tolist() == [[1.5, 10.0], [2.0, 20.0]]
    assert read({"a": ["0", "1"], "b": ["1", "0"]}, target_kind="number").values.tolist() == [[0, 1], [1, 0]]


def test_a_run_decides_the_labels_of_other_files() -> None:
    assert read({"t": ["b"]}, known=["a", "b"], target_kind="labels").values.tolist() == [[0, 1]]
    assert read({"b": ["1"], "a": ["0"]}, known=["a", "b"], target_kind="labels").class_names == ["a", "b"]
    with pytest.raises(DataError, match=r"contains the label 'c'; the run was trained on a, b; remove that label"):
        read({"t": ["b|c"]}, known=["a", "b"], target_kind="labels")
    with pytest.raises(
        DataError, match=r"the run was trained on the labels a, c; try data\.target=\[a,c\]|has no column"
    ):
        read({"b": ["1"], "a": ["0"]}, known=["a", "c"], target_kind="labels")


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({"a": ["1", "2"], "b": ["0", "1"]}, {"target_kind": "labels"}, r"'a', line 3 .* 0 or 1, true .*data\.target="),
        ({"a": ["1.5", "x"], "b": ["0", "1"]}, {}, r"column 'a', line 3 .* is 'x'; several targets are all numbers"),
        ({"a": ["1", "0"], "b": ["0", "1"]}, {"target_kind": "class"}, r"names 2 columns, .* try .*target_kind=labels"),
        ({"t": ["", ""]}, {"target_kind": "labels"}, r"no row without .*try data\.empty_target=no_label"),
        ({"a": ["0", "0"], "b": ["0", "0"]}, {}, r"set no label in any row"),
        ({"t": [f"a{n}|b{n}" for n in range(30)]}, {}, r"contains 60 different labels in 30 rows; .*label_separator"),
        ({"a": ["nan", "nan"], "b": ["1.5", "2.5"]}, {}, r"no row of films\.csv has a value in each of|'a', line 2"),
        ({"a": ["inf", *["1.5"] * 9], "b": ["2.5"] * 10}, {}, r"column 'a', line 2 .* must be finite"),
    ],
)
def test_what_cannot_be_read_is_refused(columns: dict[str, list[str]], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(columns, **settings)


def test_a_hundred_thousand_labels_are_refused() -> None:
    cells = [f"a{row}|b{row % 7}" for row in range(100_000)]
    with pytest.raises(DataError, match=rf"contains 100,007 different labels .*at most {MAX_LABELS:,}"):
        read({"t": cells})
