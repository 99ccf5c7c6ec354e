"""Texts that a network reads and writes: in the dashboard as Markdown, in the run directory as plain text or CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netyard.io.atomic import open_atomically


@dataclass(frozen=True)
class Table:
    """Rows of text under a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def show(board: Any, folder: Path, name: str, text: str | Table, step: int) -> None:
    """Show a text or a table of texts under ``name``, ``val/text`` for one; the latest is in ``texts/val_text.txt``.

    Args:
        board: a writer of TensorBoard's.
        folder: the run directory.
    """
    board.add_text(name, _verbatim(text) if isinstance(text, str) else _markdown(text), step)
    place = folder / "texts" / f"{name.replace('/', '_')}.{'txt' if isinstance(text, str) else 'csv'}"
    with open_atomically(place) as file:
        if isinstance(text, str):
            file.write(f"{text}\n")
        else:
            csv.writer(file).writerows([text.header, *text.rows])


def _verbatim(text: str) -> str:
    """Text as Markdown that shows it as it is: a block of code is indented by four spaces."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _markdown(table: Table) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
