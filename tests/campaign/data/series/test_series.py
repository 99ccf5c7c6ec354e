"""More series that end a run with one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.refused_series import check_refused


@pytest.mark.parametrize(
    ("name", "text", "words", "code", "message"),
    [
        ("column", "a,b\n1,2\n", ["data.column=c"], 3, "it has a, b"),
        ("gap", "y\n1\n\n" + "2\n" * 99, [], 3, "line 3 of"),
        ("short", "y\n1\n2\n3\n", [], 3, "has 3 steps"),
        ("same", "y\n" + "5\n" * 99, [], 3, "is 5 at each"),
    ],
)
def test_a_bad_series_ends_the_run_with_one_line_and_its_exit_code(
    train: Any, tmp_path: Path, name: str, text: str | None, words: list[str], code: int, message: str
) -> None:
    check_refused(train, tmp_path / f"{name}.csv", text, words, code, message)
