"""Text files that are read together: which, in which order, and what is left out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from netyard.data.text.text_files import cut_documents, joined, read_documents
from netyard.errors import DataError


@pytest.fixture
def books(tmp_path: Path) -> Path:
    for name, text in {
        "b10.txt": "ten",
        "b9.txt": "nine",
        "more/b1.txt": "one",
        "cover.png": "",
        ".b.txt": "no",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_numbers(books: Path) -> None:
    found = read_documents(books)
    assert found.texts == ["nine", "ten", "one"]
    assert found.left_out == [("files", 1, f"of {books}, which do not end with .txt")]


def test_patterns_and_lists(books: Path) -> None:
    assert read_documents(f"{books}/*.txt").texts == ["nine", "ten"]
    assert read_documents(f"{books}/**/*.txt").texts == ["nine", "ten", "one"]
    assert read_documents([f"{books}/b10.txt", f"{books}/more"]).texts == ["ten", "one"]
    (books / "[1].txt").write_text("brackets")
    assert read_documents(f"{books}/[1].txt").texts == ["brackets"]


def test_copies_and_empty_files_are_left_out_and_counted(books: Path) -> None:
    (books / "b11.txt").write_text("nine")
    (books / "b12.txt").write_text(" \n\n")
    found = read_documents([str(books), f"{books}/b9.txt"])
    assert found.texts == ["nine", "ten", "one"]
    assert [each for each in found.left_out if "png" not in each[2]][1:] == [
        ("files", 1, "the same text as another file"),
        ("files", 1, "without text"),
        ("files", 1, "named twice"),
    ]
    assert len(read_documents(books, keep_all=True).texts) == 5


def test_encodings_and_compression(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes("größe".encode("cp1252"))
    (tmp_path / "2.txt").write_bytes("größer".encode("utf-16"))
    (tmp_path / "3.txt").write_bytes(b"\xef\xbb\xbf" + "am größten\r\n".encode())
    (tmp_path / "4.txt.gz").write_bytes(gzip.compress(b"kleiner"))
    (tmp_path / "5.txt").write_bytes(bytes(range(256)))
    found = read_documents(tmp_path)
    assert found.texts == ["größe", "größer", "am größten\n", "kleiner"]
    assert found.note == "1 file read as cp1252, 1 file read as utf-16" and found.left_out == [("files", 1, "not text")]


def test_a_folder_of_other_text_files(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes")
    (tmp_path / "code.py").write_text("x = 1")
    assert read_documents(tmp_path).texts == ["x = 1", "# Notes"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nowhere.txt",
            r"nowhere\.txt cannot be read: No such file.*data\.path is a text file, a list.*try data\.path=",
        ),
        ("*.text", r"the pattern .*\*\.text matches no file; .*FOLDER/\*\.txt"),
        ("empty", "empty has no files"),
        ("blank", r"no file of .*blank has any text \(2 without text\)"),
        ("picture.txt", r"picture\.txt cannot be read: it is not UTF-8 text; .*; save it as text"),
        ("paper.txt", r"paper\.txt cannot be read: it is a PDF document"),
    ],
)
def test_refusals(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank").mkdir()
    for blank in ("1.txt", "2.txt"):
        (tmp_path / "blank" / blank).write_text("\n")
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)))
    (tmp_path / "paper.txt").write_bytes(b"%PDF-1.7\n")
    with pytest.raises(DataError, match=message):
        read_documents(tmp_path / name if "*" not in name else f"{tmp_path}/{name}")
    with pytest.raises(DataError, match="is an empty list"):
        read_documents([])


@pytest.mark.parametrize(
    ("lengths", "sizes", "parts"),
    [
        ([100] * 10, [800, 100, 100], [800, 100, 100]),
        ([90] * 10 + [100], [810, 90, 100], [810, 90, 100]),
        ([130, 70] * 5, [810, 90, 100], [800, 130, 70]),
        ([1000], [810, 90, 100], [810, 90, 100]),  # one document is cut within
        ([500, 500], [810, 90, 100], [810, 90, 100]),
        ([100] * 10, [900, 0, 100], [900, 0, 100]),
    ],
)
def test_documents_are_cut_at_their_borders(lengths: list[int], sizes: list[int], parts: list[int]) -> None:
    texts = [chr(ord("a") + number) * length for number, length in enumerate(lengths)]
    found = cut_documents(texts, sizes)
    assert [part.size for part in found] == parts
    assert "".join(part.text for part in found).replace("\n", "") == "".join(texts)
    if set(lengths) == {100}:
        assert all(part.whole for part in found if part.size)


def test_documents_are_joined_by_one_line_break() -> None:
    assert joined(["a", "b\n", "c"]) == "a\nb\nc"
