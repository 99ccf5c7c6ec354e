"""Rows of a table as Python objects, which a notebook displays and pandas accepts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from netyard.errors import PlatformError
from netyard.io.markdown import grid

SHOWN = 60  # rows that are displayed; the others are counted


class Rows(Sequence[Mapping[str, Any]]):
    """Rows in order, each a mapping of column to value; every row has every column, with None for a missing value.

    ``rows[3]["val/loss"]``, ``rows.column("val/loss")``, ``rows.to_pandas()``.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        given = list(rows)
        # A dict keeps the order in which columns first appear, which a set would lose.
        self.columns = list(dict.fromkeys(key for row in given for key in row))
        self._rows = [{key: row.get(key) for key in self.columns} for row in given]

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Rows: ...
    def __getitem__(self, place: int | slice) -> Mapping[str, Any] | Rows:
        return Rows(self._rows[place]) if isinstance(place, slice) else self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._rows)

    def column(self, name: str) -> list[Any]:
        """Return the values of one column.

        Raises:
            KeyError: there is no such column.
        """
        if name not in self.columns:
            raise KeyError(f"there is no column {name!r}; columns are {', '.join(self.columns)}")
        return [row[name] for row in self._rows]

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        Raises:
            PlatformError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise PlatformError(
                "to_pandas needs pandas, which is not installed;",
                "rows are mappings without it;",
                "type pip install pandas.",
            ) from error
        return pandas.DataFrame(self._rows, columns=self.columns)

    def __repr__(self) -> str:
        if not self._rows:  # a table of no columns would be an empty text
            return "no rows"
        shown = self._rows[:SHOWN]
        table = grid([(name, [_text(row[name]) for row in shown]) for name in self.columns])
        return f"{table}\n{self._rest()}".rstrip()

    def _repr_html_(self) -> str:  # called by Jupyter
        # Escaped: cells are texts of users and data sets.
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        lines = (
            "".join(f"<td>{html.escape(_text(row[name]))}</td>" for name in self.columns) for row in self._rows[:SHOWN]
        )
        body = "".join(f"<tr>{cells}</tr>" for cells in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{self._rest()}"

    def _rest(self) -> str:
        """Return the number of rows that are not displayed, as a sentence."""
        more = len(self._rows) - SHOWN
        return f"... and {more:,} more rows" if more > 0 else ""


def _text(value: Any) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
