"""`netyard rerun`: what is a difference, and what it says to a mistake."""

from __future__ import annotations

import sys

import pytest

from netyard.cli import main
from netyard.cli.rerun import compare


def test_a_number_that_is_not_there_is_a_difference() -> None:
    told = compare({"metrics": {"a": 1.0, "b": None}, "steps": 3}, {"metrics": {"a": 1.0, "c": 2.0}, "steps": 3})
    assert told == {"equal": False, "compared": 4, "changed": {"c": [None, 2.0]}}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 4, "nowhere is not a run directory"),
        (["sweep"], 4, "sweep holds a sweep; a rerun takes one run"),
        (["a", "b"], 2, "2 directories were given, a, b; netyard rerun takes one run"),
        (["seed=1"], 2, "run was not given; netyard rerun needs run=RUN_DIR"),
    ],
)
def test_a_mistake_is_answered_in_three_parts(tmp_path, monkeypatch, capsys, arguments, code, words) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    was = sys.modules["__main__"].__spec__
    try:
        assert main.main(["rerun", *arguments]) == code
    finally:
        sys.modules["__main__"].__spec__ = was
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
