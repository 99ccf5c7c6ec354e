"""Tables in Markdown that are readable in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence


def grid(columns: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a Markdown table of columns (head, cells), padded so that the cells are aligned in plain text."""
    texts = [[_escaped(cell) for cell in (head, *cells)] for head, cells in columns]
    widths = [max(len(cell) for cell in cells) for cells in texts]
    lines = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in zip(*texts, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    # Either of these would end the cell.
    return text.replace("|", "\\|").replace("\n", " ")
