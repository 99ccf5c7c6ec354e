"""Rows of tables: columns, missing values, what a notebook shows."""

from __future__ import annotations

import sys

import pytest

from netyard.errors import PlatformError
from netyard.io.rows import SHOWN, Rows

ROWS = Rows([{"a": 1, "b": 0.123456}, {"a": 2, "c": "<b>"}])


def test_every_row_has_every_column() -> None:
    assert ROWS.columns == ["a", "b", "c"] and len(ROWS) == 2
    assert ROWS[1] == {"a": 2, "b": None, "c": "<b>"} and [row["a"] for row in ROWS] == [1, 2]
    assert ROWS.column("c") == [None, "<b>"] and len(ROWS[:1]) == 1
    with pytest.raises(KeyError, match="columns are a, b, c"):
        ROWS.column("d")


def test_displayed_cells_are_escaped_and_shortened() -> None:
    assert "0.1235" in repr(ROWS) and "| - " in repr(ROWS)
    assert "&lt;b&gt;" in ROWS._repr_html_() and "<b>" not in ROWS._repr_html_()
    many = Rows({"n": number} for number in range(SHOWN + 7))
    assert "and 7 more rows" in repr(many) and "and 7 more rows" in many._repr_html_()
    assert repr(Rows()) == "no rows"


def test_pandas_is_imported_only_by_to_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    assert ROWS.to_pandas().equals(pandas.DataFrame([dict(row) for row in ROWS], columns=ROWS.columns))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PlatformError, match="pip install pandas"):
        ROWS.to_pandas()
