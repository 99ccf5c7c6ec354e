"""A bad series ends a run with one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("name", "text", "words", "code", "message"),
    [
        ("none", None, [], 3, "No such file"),
        ("column", "a,b\n1,2\n", ["data.column=c"], 3, "it has a, b"),
        ("words", "y\n1\nwet\n" + "2\n" * 99, [], 3, "line 3 of column 'y'"),
        ("gap", "y\n1\n\n" + "2\n" * 99, [], 3, "line 3 of"),
        ("short", "y\n1\n2\n3\n", [], 3, "has 3 steps"),
        ("same", "y\n" + "5\n" * 99, [], 3, "is 5 at each"),
        ("season", "y\n1\n2\n", ["data.season=50"], 2, "the window must include a season"),
    ],
)
def test_a_bad_series_ends_the_run_with_one_line_and_its_exit_code(
    train: Any, tmp_path: Path, name: str, text: str | None, words: list[str], code: int, message: str
) -> None:
    path = tmp_path / f"{name}.csv"
    if text is not None:
        path.write_text(text)
    ran = train("data=series", f"data.path={path}", "data.column=y", *words, "logger=none")
    assert ran.code == code, ran.err
    assert message in " ".join(ran.err.split()) and "Traceback" not in ran.err
