"""Numbers as people write them, and which cells are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netyard.data.tables.csv_reader import Table
from netyard.data.tables.numeric_cells import Numbers, Reading, formatted, missing_words, parse

NAN = float("nan")


def read(cells: list[str], delimiter: str = ",", reading: Reading | None = None, **others: list[str]) -> Numbers:
    columns = {"x": cells, **others}
    table = Table(Path("table.csv"), columns, [*range(2, 2 + len(cells))], delimiter)
    parse(table, columns, reading or Reading())
    return table.parsed["x"]


@pytest.mark.parametrize(
    ("cells", "values", "written"),
    [
        (["1", "-2.5", "3e2"], [1, -2.5, 300], ""),
        (["1,5", "-0,25", "12"], [1.5, -0.25, 12], "decimal comma"),
        (["1,234", "12", "1,234,567.5"], [1234, 12, 1234567.5], "thousands separated by ','"),
        (["1.234,5", "2", "1.234.567"], [1234.5, 2, 1234567], "decimal comma, thousands separated by '.'"),
        (["1'234.50", "7"], [1234.5, 7], 'thousands separated by "\'"'),
        (["1 234,5", "12 345 678"], [1234.5, 12345678], "decimal comma, thousands separated by ' '"),
        (["1\u202f234,5", "7"], [1234.5, 7], "decimal comma, thousands separated by '\\u202f'"),
        (["1,23,456.5", "7"], [123456.5, 7], "thousands separated by ','"),
        (["$5", "$1,234.50", "-$3", "$-4"], [5, 1234.5, -3, -4], "thousands separated by ',', in $"),
        (["5 €", "1.234,50 €"], [5, 1234.5], "decimal comma, thousands separated by '.', in €"),
        (["CHF 5", "CHF 7.5"], [5, 7.5], "in CHF"),
        (["5%", "7.5 %", "8"], [5, 7.5, 8], "in %"),
        (["(1,200)", "30.5"], [-1200, 30.5], "thousands separated by ','"),
        (["−1.5", "+2"], [-1.5, 2], ""),
        (["12 kg", "3.5 kg"], [12, 3.5], "in kg"),
        ([".5", "5."], [0.5, 5], ""),
    ],
)
def test_numbers_are_read_as_they_are_written(cells: list[str], values: list[float], written: str) -> None:
    found = read(cells)
    assert found.values.tolist() == values
    assert found.is_number and not len(found.bad) and formatted(found) == written


@pytest.mark.parametrize(
    "cells",
    [
        ["1_000", "2_000"],  # Python reads these as numbers
        ["1.2.3", "2.0.1"],
        ["01.05.2024", "31.12.2024"],
        ["2024-01-05", "2024-02-05"],
        ["1st", "2nd", "3rd"],
        ["16 GB", "512 MB"],
        ["10 x 20", "5 x 7"],
        ["0-9", "10-19"],
        ["infinity", "inf"],
        ["12,34,5", "1,2,3"],
        ["", "NA"],
    ],
)
def test_what_is_no_number_is_none(cells: list[str]) -> None:
    assert not read(cells).is_number


@pytest.mark.parametrize(
    ("cells", "delimiter", "others", "values"),
    [
        # Each cell could be of either form: a file with semicolons has them because of its decimal commas.
        (["1,234", "2,345"], ";", {}, [1.234, 2.345]),
        (["1,234", "2,345"], ",", {}, [1234, 2345]),
        # Another column shows it.
        (["1,234", "2,345"], ",", {"z": ["0,5", "1,75"]}, [1.234, 2.345]),
        (["1.234", "2.345"], ";", {"z": ["0,5", "1,75"]}, [1234, 2345]),
        (["1.234", "2.345"], ";", {"z": ["0.5", "1.75"]}, [1.234, 2.345]),
        (["1.234", "2.345"], ",", {}, [1.234, 2.345]),
        # One cell of the column shows it.
        (["1.234", "0.345"], ";", {"z": ["0,5", "1,75"]}, [1.234, 0.345]),
    ],
)
def test_other_columns_decide_what_a_separator_is(
    cells: list[str], delimiter: str, others: dict[str, list[str]], values: list[float]
) -> None:
    assert read(cells, delimiter, **others).values.tolist() == values


def test_the_user_and_the_run_decide_what_a_separator_is() -> None:
    cells = ["1,234", "2,345"]
    assert read(cells, reading=Reading("comma")).values.tolist() == [1.234, 2.345]
    assert read(cells, ";", Reading("point")).values.tolist() == [1234, 2345]
    assert read(["1.5", "2"], reading=Reading("comma")).bad.tolist() == [0]
    # The training data had decimal commas, and no dots as thousands.
    known = {"x": (",", "")}
    assert read(cells, reading=Reading(known=known)).values.tolist() == [1.234, 2.345]
    assert read(["1.234"], reading=Reading(known=known)).values.tolist() == [1.234]
    assert read(["1.234"], reading=Reading(known={"x": (",", ".")})).values.tolist() == [1234]


def test_missing_and_bad_cells() -> None:
    found = read(["1", "", "NA", "?", "-", "None", "4", "5", "6", "7", "old"])
    assert found.missing.tolist() == [False, True, True, True, True, True, *[False] * 5]
    assert found.is_number and found.bad.tolist() == [10]  # 5 of 6 present cells are numbers
    assert read(["1", "2", "3", "inf", "4", "5"]).bad.tolist() == [3]
    # A number in another currency cannot be compared.
    assert read(["$1", "$2", "$3", "$4", "€5"]).bad.tolist() == [4]


def test_marks_of_missing_cells_can_be_chosen() -> None:
    reading = Reading(marks=("-999",))
    found = read(["1", "-999", ""], reading=reading)
    assert found.missing.tolist() == [False, True, True] and found.values[0] == 1
    assert missing_words(["NA", "a", "", "-999"], reading).tolist() == [False, False, True, True]
    assert missing_words(["NA", "nan", "?", "", "N/A", "null", "-", "None", "a"], Reading()).tolist() == [
        *[True] * 6,
        *[False] * 3,  # words: the strand of a gene, the severity of a disease
    ]


@pytest.mark.parametrize(
    ("cells", "codes"),
    [(["01067", "50667"], True), (["1E5", "2E3"], True), (["1e5", "1.5E3"], False), (["0", "0.5"], False)],
)
def test_codes_are_told_from_numbers(cells: list[str], codes: bool) -> None:
    assert read(cells).codes is codes


def test_rows_of_a_column() -> None:
    part = read(["1", "", "3"]).take([2, 1])
    np.testing.assert_array_equal(part.values, [3, NAN])
    assert part.missing.tolist() == [False, True]
