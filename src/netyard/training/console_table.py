"""Tables of the console as text."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def text_of(table: Table) -> str:
    """The lines of a table, for the log: it goes to the console and to train.log, and both must get the same lines."""
    console = Console(width=60)
    with console.capture() as text:
        console.print(table)
    return "\n".join(line.rstrip() for line in text.get().splitlines())
