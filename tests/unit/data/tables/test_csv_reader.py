"""The forms of CSV files: delimiters, names, comments, ends of lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netyard.data.tables.csv_reader import read_table, require_columns, typed
from netyard.errors import DataError

Write = Callable[[str], Path]
AB = {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize(
    ("text", "columns", "left_out"),
    [
        ("a,b\n1,2\n3,4\n", AB, []),
        ("a;b\n1;2\n3;4\n", AB, []),
        ("sep=;\na;b\n1;2\n3;4\n", AB, []),
        ("a b\n1 2\n3   4 \n", AB, []),
        ("\n\na\tb\n1\t2\n\n3\t4\n", AB, []),
        ("a,b,\n1,2,\n3,4,\n", AB, [("columns", 1)]),
        ("a,b\n1,2,\n3,4\n", AB, []),
        ("# by hand, on Monday\na,b\n1,2\n# later\n3,4\n", AB, [("lines of comments", 1), ("lines of comments", 1)]),
        ("The sales of May\na,b\n1,2\n3,4\n", AB, [("line", 1)]),
        ("# a,b\n1,2\n3,4\n", AB, []),  # as NumPy writes the names
        ("#a,b\n1,2\n3,4\n", {"#a": ["1", "3"], "b": ["2", "4"]}, []),
        ("a,b,a\n1,2,1\n3,4,3\n", AB, [("columns", 1)]),
        ('"a, kg";"b\n(cm)"\n1;2\n3;4\n', {"a, kg": ["1", "3"], "b (cm)": ["2", "4"]}, []),
        (",a,b\n0,1,2\n1,3,4\n", {"unnamed_1": ["0", "1"], **AB}, []),
        ('"a","b"\n"x",1,2\n"y",3,4\n', {"unnamed_1": ["x", "y"], **AB}, []),  # as R writes the names of rows
        ("0,1\n1,2\n3,4\n", {"0": ["1", "3"], "1": ["2", "4"]}, []),
        ("sold\n1,5\n2,5\n", {"sold": ["1,5", "2,5"]}, []),
        ('sold\n"1,5"\n"2,5"\n', {"sold": ["1,5", "2,5"]}, []),
        ("text\nwell, well\nno\n", {"text": ["well, well", "no"]}, []),
    ],
)
def test_a_file_is_read_by_its_names(
    write_csv: Write, text: str, columns: dict[str, list[str]], left_out: list[tuple[str, int]]
) -> None:
    table = read_table(write_csv(text))
    assert table.columns == columns
    assert [each[:2] for each in table.left_out] == left_out


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("5.1,0.3,high\n4.2,0.1,low\n3.1,0.2,high\n", None),
        ("p,x,s\np,f,s\ne,x,t\np,x,s\n", None),  # words that are values of their own columns
        ("5.1,0.2,0.3\n4.2,0.1,0.7\n", None),
        ("5.1,0.3,0.2\n4.2,0.1,0.7\n5.5,0.9,0.1\n", None),
        ("400.5,401.5,y\n0.1,0.2,a\n0.3,0.4,b\n", ["400.5", "401.5", "y"]),  # wavelengths
        ("400.5,401.5\n0.1,0.2\n0.3,0.4\n", ["400.5", "401.5"]),
        ("2019,2020,2021\n1,2,3\n4,5,6\n", ["2019", "2020", "2021"]),
        ("x,y\nx,n\no,y\n", None),
        ("a,y\n1,y\n2,n\n", ["a", "y"]),
    ],
)
def test_a_first_line_like_the_others_names_nothing(write_csv: Write, text: str, names: list[str] | None) -> None:
    path = write_csv(text)
    table = read_table(path)
    number = text.split("\n", 1)[0].count(",") + 1
    assert [*table.columns] == (names or [f"column_{each}" for each in range(1, number + 1)])
    assert len(table.lines) == text.count("\n") - (names is not None)
    assert table.lines[0] == (2 if names else 1)
    # The user corrects the guess.
    assert len(read_table(path, header=True).lines) == text.count("\n") - 1
    assert len(read_table(path, header=False).lines) == text.count("\n")


def test_lines_are_numbered_as_in_the_file(write_csv: Write) -> None:
    assert read_table(write_csv("sep=;\n# c\na;b\n1;2\n\n3;4\n")).lines == [4, 6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,a\n1,2\n3,4\n", "names column 'a' twice, with different cells"),
        ("a,b\n1,2\n3,4,5\n", "line 3 of .* has 3 cells; the first line names 2 columns"),
        ("a,b\n1\n", "line 2 of .* has 1 cells"),
    ],
)
def test_refusals(write_csv: Write, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_table(write_csv(text))


@pytest.mark.parametrize(
    ("name", "found"),
    [("1", "1"), (1, "1"), (1.0, "1"), (True, "true"), ("true", "true"), ("1e3", "1000"), ("b (cm)", "b (cm)")],
)
def test_names_that_yaml_reads_as_other_types(write_csv: Write, name: Any, found: str) -> None:
    table = read_table(write_csv("1,true,1000,b (cm)\n5,6,7,8\n"))
    assert table.name_of(str(name)) == found


def test_old_names_of_a_checkpoint_are_found(write_csv: Write) -> None:
    table = read_table(write_csv(',"b\n(cm)"\n5,6\n7,8\n'))
    assert [table.name_of(name) for name in ("", "b\n(cm)")] == ["unnamed_1", "b (cm)"]
    require_columns(table, ["", "b\n(cm)"])
    with pytest.raises(
        DataError, match=r"has no column 'c'; the network was trained on b \(cm\), c; .*: rename or add"
    ):
        require_columns(table, ["b (cm)", "c"])


def test_a_hint_is_what_a_shell_takes() -> None:
    assert typed("drop", ["a", "b-2"]) == "data.drop=[a,b-2]"
    assert typed("target", "the target") == "\"data.target='the target'\""
    assert typed("drop", ["größe, kg"]) == "\"data.drop=['größe, kg']\""


def test_an_unknown_column_is_answered_with_the_key_that_named_it(write_csv: Write) -> None:
    table = read_table(write_csv("age,city\n1,a\n2,b\n"))
    for key, listed, hint in (("drop", True, "data.drop=[city]"), ("group", False, "data.group=city")):
        with pytest.raises(DataError, match=re.escape(f"no column 'citty'; it has age, city; try {hint}.")):
            table.column("citty", key, listed)


def test_parts_of_a_table(write_csv: Write) -> None:
    table = read_table(write_csv("a,b\n1,2\n3,4\n5,6\n"))
    assert table.rows(1, 9).columns == {"a": ["3", "5"], "b": ["4", "6"]}
    assert table.take([2, 0]).columns["a"] == ["5", "1"] and table.take([2, 0]).lines == [4, 2]
