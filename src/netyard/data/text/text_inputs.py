"""Texts that a trained network predicts: the lines of a file, a column of a table, or whole files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.tables.csv_reader import Table, read_table
from netyard.data.tables.file_text import read_text
from netyard.data.text.labelled_rows import text_column
from netyard.data.text.text_files import read_documents
from netyard.data.text.vocabulary import UNKNOWN
from netyard.errors import DataError

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_EXPECTED = "a text file, each line an input, or a .csv file with a column of texts"


def texts_of(
    where: str, column: str | None, trained_column: str | None = None, whole_files: bool = False
) -> tuple[str, Sequence[str], list[str]]:
    """What names the texts (``row`` or ``file``), their names, and the texts: one for each line, empty ones too.

    Args:
        column: of a table, as the user names it; None: ``trained_column``, that of training, or else guessed.
        whole_files: whether a folder or a pattern is read, each file a text.

    Raises:
        DataError: there is no such file or column, or none of the texts has a character.
    """
    path = Path(where).expanduser()
    kind, texts = "row", []
    names: Sequence[str] = []
    if path.is_dir() or (not path.exists() and whole_files and any(mark in where for mark in "*?[")):
        documents = read_documents(where, "input", keep_all=True)
        kind, names, texts = "file", [*map(str, documents.paths)], documents.texts
    elif path.name.lower().endswith(_TABLES):
        table = read_table(path, "input", keep_empty=True)
        texts = table.columns[_column(table, column, trained_column)]
    else:
        texts = read_lines(path)
    texts = [text.strip() for text in texts]
    if not any(texts):
        raise DataError(f"{path} contains no text;", "each line is an input;", "add lines of text.")
    return kind, names, texts


def _column(table: Table, given: str | None, trained: str | None) -> str:
    """The column of texts of a table; of a table with a single column that one.

    Raises:
        DataError: there is no such column.
    """
    name = given or trained
    if name is None or (given is None and len(table.columns) == 1):
        return text_column(table)
    found = table.name_of(name)
    if found is None:
        raise table.no_column_error(name, f"column={text_column(table)}")
    return found


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, empty ones too; the last one may end with a line break.

    Raises:
        DataError: the file is missing, or is not text.
    """
    text, _ = read_text(path, "input", expected=_EXPECTED)
    # Split at \n only: str.splitlines would also cut at form feeds and Unicode separators within a text.
    return text.removesuffix("\n").split("\n")


def batches(
    texts: Sequence[str],
    encode: Callable[[str], list[int]],
    length: int,
    batch_size: int,
    kind: str = "row",
    names: Sequence[str] = (),
) -> Inputs:
    """Texts as batches of tokens, in order; an empty text is an unknown token, and marked.

    Args:
        encode: a text -> its tokens; unknown ones are allowed, because a prediction is possible with them.
        length: at which texts are cut, and to which they are padded, so that the result does not depend on the others.
        names: of the texts; empty: their numbers, from 0.
    """
    from netyard.data.text.tokens import padded

    def found() -> Iterator[InputBatch]:
        for first in range(0, len(texts), batch_size):
            part = texts[first : first + batch_size]
            numbers = range(first, first + len(part))
            x = padded([encode(text)[:length] if text else [UNKNOWN] for text in part], length)
            empty = [place for place, text in enumerate(part) if not text]
            yield InputBatch([names[number] for number in numbers] if names else numbers, x, empty=empty)

    return Inputs(kind, found(), len(texts))
