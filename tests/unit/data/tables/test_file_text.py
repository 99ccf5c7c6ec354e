"""Encodings of the files that spreadsheets write."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest

from netyard.data.tables.file_text import read_text
from netyard.errors import DataError

TEXT = "größe;y\n1,5;jä\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.replace("\n", "\r\n").encode(), "utf-8"),
    ],
)
def test_the_encoding_is_guessed(tmp_path: Path, content: bytes, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert read_text(tmp_path / "t.csv", "data.path") == (TEXT, encoding)


def test_the_encoding_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("größe".encode("cp850"))
    assert read_text(tmp_path / "t.csv", "data.path", "cp850") == ("größe", "cp850")
    for wrong in ("utf-8", "no-such-encoding"):
        with pytest.raises(DataError, match=r"it is not .* text; .*try data\.encoding="):
            read_text(tmp_path / "t.csv", "data.path", wrong)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "a workbook or archive"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "compressed"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PAR1\x15\x04\xff\x00", "a Parquet file"),
        (bytes(range(256)), "not UTF-8 text"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"cannot be read: it is {said}; .*; save it as CSV in UTF-8"):
        read_text(tmp_path / "t.csv", "data.path")


def test_a_compressed_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress("a,b\r\n1,ü\n".encode()))
    assert read_text(tmp_path / "t.csv.gz", "data.path") == ("a,b\n1,ü\n", "utf-8")
