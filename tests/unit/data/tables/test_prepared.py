"""Which rows and columns of a table are used, and that each hint about tables works."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.data.tables.prepared import PreparedTable, TableSettings, prepare
from netyard.errors import DataError

Write = Callable[[str], Path]


def read(path: Path, target: str = "y", **settings: Any) -> PreparedTable:
    prepared = prepare(TableSettings(path=str(path), target=target, **settings))
    prepared.fit(np.arange(len(prepared.target.values)))
    return prepared


def rows(header: str, row: Callable[[int], str], count: int = 40) -> str:
    return "\n".join([header, *map(row, range(count))]) + "\n"


def test_a_row_index_is_no_feature(write_csv: Write) -> None:
    """300 rows of noise, sorted by class: with the index the classes would be known."""
    path = write_csv(rows(",n1,n2,y", lambda i: f"{i},{i * 7 % 13},{i * 5 % 11 / 2},{'b' if i < 150 else 'a'}", 300))
    prepared = read(path)
    assert prepared.features == ["n1", "n2"]
    assert prepared.columns_summary() == {
        "unnamed_1": {"kind": "row index left out", "used": False, "why": "it counts the rows"},
        "n1": {"kind": "number", "used": True, "note": "13 different whole numbers"},
        "n2": {"kind": "number", "used": True},
        "y": {"kind": "target", "used": False, "as": "classes"},
    }
    assert prepared.left_out == [("column 'unnamed_1'", 1, "it counts the rows")]
    # The guess is corrected by name.
    assert read(path, numbers=["unnamed_1"]).features == ["unnamed_1", "n1", "n2"]


def test_rows_without_a_target_are_left_out_and_counted(write_csv: Write) -> None:
    prepared = read(write_csv("a,y\n1,u\n2,\n3,v\n4,NA\n5,u\n"))
    assert prepared.table.columns["a"] == ["1", "3", "5"] and prepared.table.lines == [2, 4, 6]
    assert prepared.left_out == [("rows", 2, "the target 'y' is empty, 'NA'")]


def test_rows_with_a_missing_feature_are_left_out_if_the_user_says_so(write_csv: Write) -> None:
    path = write_csv("a,g,d,y\n1,u,,p\n,v,,q\n3,?,,p\n4,u,,q\n5,v,,\n")
    prepared = read(path, missing="drop", drop=["d"])
    assert prepared.table.columns["a"] == ["1", "4"] and prepared.target.values.tolist() == [0, 1]
    assert prepared.left_out[1:] == [
        ("rows", 2, "missing in 'a', 'g', data.missing=drop"),
        ("rows", 1, "the target 'y' is empty"),
    ]
    with pytest.raises(DataError, match=r"each row of .* has a missing cell, in 'a'; .*try data\.missing=mean"):
        read(write_csv("a,b,y\nNA,1,p\n?,2,q\n"), missing="drop", numbers=["a"])


def test_a_missing_feature_in_a_row_without_a_target_does_not_matter(write_csv: Write) -> None:
    assert read(write_csv("a,y\n1,u\n,\n3,v\n")).table.columns["a"] == ["1", "3"]


def test_marks_of_missing_cells_are_corrected(write_csv: Write) -> None:
    path = write_csv(rows("a,y", lambda i: f"{-999 if i == 3 else i},{['NA', 'EU'][i % 2]}"))
    with pytest.raises(DataError, match="only one class, 'EU'"):
        read(path)
    prepared = read(path, missing_marks=["-999"], missing="mean")
    assert prepared.target.class_names == ["EU", "NA"]
    assert prepared.columns_summary()["a"]["missing"] == 1


def test_names_that_yaml_reads_as_other_types(write_csv: Write) -> None:
    path = write_csv("0,1,true,y\n5.5,1,7,a\n6.5,2,8,b\n7.5,1,9,a\n")
    assert read(path, drop=[0, True]).features == ["1"]  # type: ignore[list-item]
    assert read(path, categories=[1]).guesses["1"].kind == "category"  # type: ignore[list-item]
    assert read(path, target=1, target_kind="class").target.class_names == ["1", "2"]  # type: ignore[arg-type]


def test_the_group_is_no_feature(write_csv: Write) -> None:
    prepared = read(write_csv("patient,a,y\n7,1.5,u\n7,2.5,v\n8,0.5,u\n"), group="patient")
    assert prepared.features == ["a"]
    assert prepared.columns_summary()["patient"] == {"kind": "group", "used": False, "why": "it groups the rows"}


NUMBERS = rows("age,price,y", lambda i: f"{20 + i},{i / 4},{'ab'[i % 2]}")
# text, settings: each is refused with a hint that works.
HINTED: list[tuple[str, dict[str, Any]]] = [
    (NUMBERS, {"target": "prize"}),
    (NUMBERS, {"drop": ["aeg"]}),
    (NUMBERS, {"categories": ["prce"]}),
    (NUMBERS, {"numbers": ["prce"]}),
    (NUMBERS, {"group": "ages"}),
    (NUMBERS, {"drop": ["age", "price"]}),
    (NUMBERS, {"target_kind": "number"}),
    (NUMBERS.replace("\n25,", "\n,"), {}),
    (NUMBERS.replace("\n25,", "\n?,"), {}),
    (NUMBERS.replace("\n25,", "\nold,"), {}),
    (NUMBERS.replace("\n25,", "\ninf,"), {}),
    (NUMBERS, {"target": "price", "target_kind": "class"}),
    (rows("a,g,y", lambda i: f"{i % 7},{'u' if i % 2 else ''},{'pq'[i % 2]}"), {}),
    (rows("a,g,y", lambda i: f"{'old' if i == 3 else i % 7},{i},{'pq'[i % 2]}"), {}),
    (rows("id,y", lambda i: f"{i},{'pq'[i % 2]}"), {}),
    (rows("code,y", lambda i: f"k{i},{'pq'[i % 2]}"), {}),
    (rows("day,y", lambda i: f"2024-01-{1 + i % 28:02},{'pq'[i % 2]}"), {}),
    (rows("a,c,y", lambda i: f"{i},x{i % 300},{'pq'[i % 2]}", 900), {}),
    (rows("a,g,y", lambda i: f"{i},{'uv'[i % 2]},p"), {}),
    (rows("a,g,y", lambda i: f"{i},{'uv'[i % 2]},"), {}),
    (rows("a,g,y", lambda i: f"{i},{'uv'[i % 2]},name{i}"), {}),
    (rows("a,y", lambda i: f"{i},{'old' if i == 3 else i % 9}"), {}),
    (rows("größe in cm,the g,y", lambda i: f"{i},{'uv'[i % 2]},p"), {}),
    (rows("a,g,y", lambda i: f"{'' if i % 2 else i},{i},{'pq'[i // 2 % 2]}"), {"missing": "drop", "drop": ["g", "a"]}),
]


@pytest.mark.parametrize(("text", "settings"), HINTED, ids=range(len(HINTED)))
def test_a_hint_works(write_csv: Write, text: str, settings: dict[str, Any]) -> None:
    path = write_csv(text)
    with pytest.raises(DataError) as refused:
        read(path, **settings)
    assert len([part for part in (refused.value.given, refused.value.allowed, refused.value.type_this) if part]) == 3
    # What follows the last "try", as a shell hands it to Hydra; keys of other groups are the task's.
    hint = str(refused.value).rpartition("try ")[2].removesuffix(".")
    words = re.findall(r'"([^"]*)"|(\S+)', hint)
    assert words, refused.value
    for override in OverridesParser.create().parse_overrides([quoted or plain for quoted, plain in words]):
        group, _, key = override.key_or_group.partition(".")
        if group == "data":
            settings = {**settings, key: override.value()}
    assert read(path, **settings).features
