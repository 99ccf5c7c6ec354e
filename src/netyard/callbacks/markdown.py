"""Text as the dashboard's text tab wants it: Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def verbatim(text: str) -> str:
    """Text as Markdown that shows it as it is: a block of code is indented by four spaces."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
