"""Steps that a series file does not have, which are refused. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netyard.data.series.settings import SeriesSettings
from netyard.data.series.tracks import Frame
from netyard.data.tables.csv_reader import Table
from netyard.errors import DataError


def require_no_gap(
    frame: Frame,
    settings: SeriesSettings,
    name: str,
    values: Mapping[str, np.ndarray],
    row_at: np.ndarray,
    first: int,
    ends: tuple[int, int],
) -> None:
    """Raise DataError if steps or cells are missing, and data.gaps is refuse."""
    if settings.gaps != "refuse":
        return
    table, (start, known) = frame.table, ends
    of = f" of {name}" if name else ""
    absent = np.flatnonzero(row_at[start:known] < 0) + start
    ways = "data.gaps is refuse, previous (the value before), linear (between the neighbours) or zero;"
    if len(absent) and frame.frequency is not None:
        shown = frame.date_texts([first + int(absent[0])])[0]
        raise DataError(
            f"{len(absent):,} of the {known - start:,} {frame.frequency.name}{of} are missing in {table.path}, the"
            f" first is {shown};",
            f"a series has a value at every step; {ways}",
            "try data.gaps=previous, or data.date=none to take the rows as steps.",
        )
    for column, whole in values.items():
        role = frame.roles[column]
        end = len(whole) if role == "future" else known
        empty = np.flatnonzero(np.isnan(whole[start:end]) & (row_at[start:end] >= 0)) + start
        if len(empty) and role != "static":
            row = int(row_at[empty[0]])
            cell = table.columns[column][row]
            more = f", the first of {len(empty):,} such cells" if len(empty) > 1 else ""
            raise DataError(
                f"line {table.lines[row]} of column {column!r} of {table.path} is "
                f"{repr(cell) if cell else 'empty'}{more};",
                f"a series has a finite number at every step; {ways}",
                "try data.gaps=previous, or repair that line.",
            )


def require_no_blank_line(table: Table) -> None:
    """Raise DataError if there is a blank line between two rows.

    ``read_table`` ignores blank lines, but in a series without dates one is a missing step, and later ones would move.
    """
    # Line numbers that increase by more than 1; the first line has the column names.
    for row in np.flatnonzero(np.diff(table.lines, prepend=1) > 1).tolist():
        breaks = sum(cells[row].count("\n") for cells in table.columns.values())  # lines of one quoted cell
        first = table.lines[row] - breaks
        if first > (table.lines[row - 1] if row else 1) + 1:
            raise DataError(
                f"line {first - 1} of {table.path} is blank, between two rows;",
                "a series has a finite number at every step;",
                "fill that line in, or take it out.",
            )
