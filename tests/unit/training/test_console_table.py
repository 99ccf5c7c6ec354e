"""A table is the same text wherever it is shown."""

from __future__ import annotations

from rich.table import Table

from netyard.training.console_table import text_of


def test_lines_end_where_their_last_character_does_and_fit_into_60_columns() -> None:
    table = Table("metric", title="mlp", title_justify="left")
    table.add_row("test/accuracy")
    lines = text_of(table).splitlines()
    assert lines[0] == "mlp" and "test/accuracy" in lines[4]
    assert all(line == line.rstrip() and len(line) <= 60 for line in lines)
