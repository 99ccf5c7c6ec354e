"""Tables in Markdown, which a terminal shows well too."""

from __future__ import annotations

from collections.abc import Sequence


def grid(columns: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Columns, each with its head, as a table in Markdown whose cells stand below each other."""
    texts = [[_escaped(cell) for cell in (head, *cells)] for head, cells in columns]
    widths = [max(len(cell) for cell in cells) for cells in texts]
    lines = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in zip(*texts, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
