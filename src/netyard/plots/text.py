"""Shows texts that a network reads or generates: in TensorBoard as Markdown, in the run directory as text or CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netyard.io.atomic import open_atomically


@dataclass(frozen=True)
class Table:
    """Rows of text cells under a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def show(board: Any, folder: Path, name: str, text: str | Table, step: int) -> None:
    """Write a text or a table to TensorBoard, and the latest one to a file, such as ``texts/val_text.txt``.

    Args:
        board: TensorBoard's ``SummaryWriter``.
        folder: the run directory.
        name: the tag, such as ``val/text``.
        step: the optimizer step.
    """
    board.add_text(name, _verbatim(text) if isinstance(text, str) else _markdown(text), step)
    path = folder / "texts" / f"{name.replace('/', '_')}.{'txt' if isinstance(text, str) else 'csv'}"
    with open_atomically(path) as file:
        if isinstance(text, str):
            file.write(f"{text}\n")
        else:
            csv.writer(file).writerows([text.header, *text.rows])


def _verbatim(text: str) -> str:
    """Return Markdown that shows a text unchanged."""
    # Indented by four spaces it is a code block: line breaks stay, and asterisks are not read as emphasis.
    return "\n".join(f"    {line}" for line in text.splitlines())


def _markdown(table: Table) -> str:
    # A vertical bar in a cell would start another column, so it is escaped by a backslash, chr(92).
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
