"""A bad series ends a run with one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.refused_series import check_refused


@pytest.mark.parametrize(
    ("name", "text", "words", "code", "message"),
    [
        ("none", None, [], 3, "No such file"),
        ("words", "y\n1\nwet\n" + "2\n" * 99, [], 3, "line 3 of column 'y'"),
        ("season", "y\n1\n2\n", ["data.season=50"], 2, "the window must include a season"),
    ],
)
def test_a_bad_series_ends_the_run_with_one_line_and_its_exit_code(
    train: Any, tmp_path: Path, name: str, text: str | None, words: list[str], code: int, message: str
) -> None:
    check_refused(train, tmp_path / f"{name}.csv", text, words, code, message)
