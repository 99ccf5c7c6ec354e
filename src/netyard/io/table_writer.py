"""Write a table batch by batch as CSV, JSON lines, Parquet or lines, by the suffix of the file. Imports no torch."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netyard.errors import PlatformError
from netyard.io.atomic import open_atomically, require_file
from netyard.io.finite_json import finite
from netyard.io.packages import is_installed

SUFFIXES = (".csv", ".jsonl", ".parquet", ".txt")
_ROW_GROUP = 4096  # rows that are collected for a row group of Parquet; a group has overhead

Add = Callable[[Mapping[str, Sequence[Any]]], None]
"""A function that adds a batch of rows, given by column; all batches have the same columns."""


def require_writable(output: Path) -> None:
    """Refuse an output file that a table cannot be written to, before the rows are computed.

    Raises:
        ConfigError, PlatformError: see ``require_file``; or pyarrow is not installed.
    """
    require_file(output, "a table", "predictions.csv", *SUFFIXES)
    if output.suffix.lower() == ".parquet" and not is_installed("pyarrow"):
        raise PlatformError(
            f"output={output} needs pyarrow, which is not installed;",
            "the package that writes Parquet is an extra;",
            f"type pip install 'netyard[parquet]', or try output={output.with_suffix('.csv')}.",
        )


def open_table(output: Path) -> contextlib.AbstractContextManager[Add]:
    """Open a table; yields the function that adds rows. The file appears when the block succeeds.

    File names among the cells may contain bytes that are not UTF-8: CSV keeps them, the other formats have ``\\udcff``.
    """
    writers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet, ".txt": _lines}
    return writers[output.suffix.lower()](output)


@contextlib.contextmanager
def _csv(output: Path) -> Iterator[Add]:
    with open_atomically(output, errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")

        def add(columns: Mapping[str, Sequence[Any]]) -> None:
            if not file.tell():  # the first batch: only now are the columns known
                writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

        yield add


@contextlib.contextmanager
def _lines(output: Path) -> Iterator[Add]:
    """Write the translation or prediction of each row, or its last cell, as a line; empty for a row without one."""
    with open_atomically(output, errors="surrogateescape") as file:

        def add(columns: Mapping[str, Sequence[Any]]) -> None:
            name = next((each for each in ("translation", "prediction") if each in columns), list(columns)[-1])
            for cell in columns[name]:
                file.write("" if cell is None else " ".join(str(cell).splitlines()))
                file.write("\n")

        yield add


@contextlib.contextmanager
def _json_lines(output: Path) -> Iterator[Add]:
    """Write one JSON object in each line, with null for NaN and infinity."""
    with open_atomically(output, errors="backslashreplace") as file:

        def add(columns: Mapping[str, Sequence[Any]]) -> None:
            for row in zip(*columns.values(), strict=True):
                each = finite(dict(zip(columns, row, strict=True)))
                file.write(f"{json.dumps(each, ensure_ascii=False, allow_nan=False)}\n")

        yield add


@contextlib.contextmanager
def _parquet(output: Path) -> Iterator[Add]:
    import pyarrow
    from pyarrow import parquet

    waiting: list[Any] = []  # batches that are not written yet
    with open_atomically(output, "wb") as file, contextlib.ExitStack() as stack:
        writers: list[Any] = []

        def add(columns: Mapping[str, Sequence[Any]]) -> None:
            waiting.append(pyarrow.table({name: [_text(cell) for cell in cells] for name, cells in columns.items()}))
            if sum(map(len, waiting)) >= _ROW_GROUP:
                flush()

        def flush() -> None:
            if waiting and not writers:  # the schema (types of the columns) is that of the first batches
                writers.append(stack.enter_context(parquet.ParquetWriter(file, waiting[0].schema)))
            if waiting:
                writers[0].write_table(pyarrow.concat_tables(waiting))
                waiting.clear()

        yield add
        flush()  # the last row group, before the writer adds the footer


def _text(cell: Any) -> Any:
    """Return a cell that Arrow can encode: a text with bytes that are not UTF-8 gets them as escapes."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell
