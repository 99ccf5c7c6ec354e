"""Texts with labels: which columns they are in, and folders of classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netyard.data.text.labelled_rows import Columns, columns_of, read_labelled, require_classes
from netyard.errors import DataError

Write = Callable[[str], Path]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("id,review,stars,sentiment\n1,a b,5,pos\n2,c d,1,neg\n", ("review", "sentiment")),
        ("a,b\nlong text here,x\nanother one,y\nand one,x\nthe last,y\n", ("a", "b")),
        ("category,what it says\nx,long text here\ny,another\n", ("what it says", "category")),
        ("Text\tLabel\nhello there\t0\nbye\t1\n", ("Text", "Label")),
    ],
)
def test_columns_are_guessed(write_csv: Write, content: str, columns: tuple[str, str]) -> None:
    rows = read_labelled(write_csv(content), Columns())
    assert (
        (rows.column, rows.target) == columns and repr(columns[0]) in rows.guessed and repr(columns[1]) in rows.guessed
    )


def test_given_columns_are_not_told(write_csv: Write) -> None:
    path = write_csv("id,review,stars\n1,good film,5\n2,bad film,1\n")
    rows = read_labelled(path, Columns("review", "stars"))
    assert rows.texts == ["good film", "bad film"] and rows.labels == ["5", "1"] and not rows.guessed
    with pytest.raises(DataError, match=r"no column 'words'; it has id, review, stars; try data\.column=review"):
        read_labelled(path, Columns("words", "stars"))


def test_older_names_of_the_keys() -> None:
    both = {"column": None, "text_column": "text", "target": "mood", "label_column": "label"}
    assert columns_of(both) == Columns("text", "mood", "text_column", "target")


def write_folders(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"text of {name}\n")


def test_folders_of_classes(tmp_path: Path) -> None:
    write_folders(tmp_path, "neg/2.txt", "neg/10.txt", "pos/1.txt", "readme.txt")
    (tmp_path / "pos" / "empty.txt").write_text(" \n")
    rows = read_labelled(tmp_path, Columns())
    assert rows.texts == ["text of neg/2.txt", "text of neg/10.txt", "text of pos/1.txt"]
    assert rows.labels == ["neg", "neg", "pos"] and not rows.parts and rows.left_out == [("files", 1, "without text")]


def test_folders_of_parts(tmp_path: Path) -> None:
    names = ["train/neg/1.txt", "train/pos/1.txt", "train/unsup/1.txt", "test/neg/1.txt", "test/pos/1.txt"]
    write_folders(tmp_path, *names)
    rows = read_labelled(tmp_path, Columns())
    assert {part: [rows.texts[i] for i in index] for part, index in rows.parts.items()} == {
        "train": ["text of train/neg/1.txt", "text of train/pos/1.txt"],
        "test": ["text of test/neg/1.txt", "text of test/pos/1.txt"],
    }
    assert rows.left_out == [("texts", 1, "the folder unsup has no labels")]


def test_refusals(write_csv: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column of .* looks like labels"):
        read_labelled(write_csv("a,b,c\nlong text,1,2\nlong texts,3,4\nmore text,5,6\n"), Columns())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no folders with texts; data\.path is a table .* or a folder"):
        read_labelled(tmp_path / "empty", Columns())
    rows = read_labelled(write_csv("text,label\n" + "".join(f"a b,{i}\n" for i in range(20))), Columns())
    with pytest.raises(DataError, match="has 20 different labels in 20 rows; a class has several texts"):
        require_classes(rows, sorted(set(rows.labels)))
