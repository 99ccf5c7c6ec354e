"""Targets: classes or numbers, and the rows that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netyard.data.tables.csv_reader import Table
from netyard.data.tables.numeric_cells import Reading, parse
from netyard.data.tables.targets import Target, read_target
from netyard.errors import DataError


def target(cells: list[Any], kind: Any = "auto", known: list[str] | None = None, **others: list[str]) -> Target:
    columns = {**others, "y": [str(cell) for cell in cells]}
    table = Table(Path("t.csv"), columns, [*range(2, 2 + len(cells))])
    parse(table, columns, Reading())
    return read_target(table, "y", kind, Reading(), known)


@pytest.mark.parametrize("mark", ["", "NA", "nan", "NaN", "?", "N/A", "null", "<NA>"])
def test_rows_without_a_class_are_left_out(mark: str) -> None:
    found = target(["b", mark, "a", mark, "b"])
    assert found.class_names == ["a", "b"]
    assert found.rows == [0, 2, 4] and found.values.tolist() == [1, 0, 1]


@pytest.mark.parametrize("mark", ["", "NA", "?", "-", "None"])
def test_rows_without_a_number_are_left_out(mark: str) -> None:
    found = target(["0.5", mark, "1.5"])
    assert (found.class_names, found.rows, found.values.tolist()) == (None, [0, 2], [0.5, 1.5])


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["$1,234", "$5", "$5"], [1234, 5, 5]),
        (["1.234,50 €", "7 €"], [1234.5, 7]),
        (["5%", "7%", "5%"], [5, 7, 5]),
        (["1,234", "2,345,678"], [1234, 2345678]),
    ],
)
def test_formatted_numbers_are_a_regression(cells: list[str], values: list[float]) -> None:
    found = target(cells)
    assert found.class_names is None and found.values.tolist() == values


def test_whole_numbers_are_classes_up_to_twenty_and_each_guess_can_be_corrected() -> None:
    few, many = [number % 20 for number in range(60)], [number % 30 for number in range(90)]
    assert (target(few).class_names or [])[:3] == ["0", "1", "2"] and target(
        few
    ).correction == "data.target_kind=number"
    assert target(few, "number").class_names is None
    assert target(many).class_names is None and target(many).correction == "data.target_kind=class"
    assert len(target(many, "class").class_names or []) == 30
    assert target([number / 7 for number in range(90)]).correction == ""
    assert target(range(90)).correction == ""  # each value once
    assert target(["a", "b"]).correction == ""


def test_classes_that_look_alike_or_alone_are_noted() -> None:
    assert (
        target(["high", "High", "low"] * 2).note == "the classes 'High' and 'high' differ in upper and lower case only"
    )
    assert target(["a", "b", "a"]).note == "a single row has the class 'b'"
    assert target(["2D", "3D"] * 3).class_names == ["2D", "3D"]


@pytest.mark.parametrize(
    ("cells", "kind", "others", "said"),
    [
        ([""] * 4, "auto", {"g": ["a", "b"] * 2}, r"'y' of t\.csv has no value in any row; .*try data\.target=g"),
        (["a", "b"], "number", {}, r"contains words; .*try data\.target_kind=class"),
        (["a", "a", "NA", "a"], "auto", {"g": ["u", "v"] * 2}, r"only one class, 'a'; .*try data\.target=g"),
        ([f"n{number}" for number in range(60)], "auto", {"g": ["a", "b"] * 30}, r"60 different .*try data\.target=g"),
        (
            [number / 7 for number in range(60)],
            "class",
            {},
            r"60 different values in 60 rows; .*try data\.target_kind=number task=regression loss=mse",
        ),
        (
            [*(number / 7 for number in range(9)), "old"],
            "auto",
            {},
            r"column 'y', line 11 of t\.csv is 'old'; .*or try data\.target_kind=class",
        ),
        ([0.5, "inf", *[1.5] * 5], "auto", {}, r"line 3 of t\.csv is 'inf'; .*must be finite"),
    ],
)
def test_refusals(cells: list[Any], kind: str, others: dict[str, list[str]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        target(cells, kind, **others)


def test_the_classes_of_a_run_keep_their_numbers() -> None:
    found = target(["c", "a", ""], "class", ["a", "b", "c"])
    assert found.values.tolist() == [2, 0] and found.class_names == ["a", "b", "c"]
    with pytest.raises(DataError, match="contains the class 'd'; the run was trained on a, b"):
        target(["a", "d"], "class", ["a", "b"])
