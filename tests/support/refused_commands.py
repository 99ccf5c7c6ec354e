"""Checks refused commands: one line of three parts, the exit code, and no files left."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.cli import main


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str]:
    """Type ``netyard WORDS`` in this folder, where the process is; its code, and the one line that it said."""
    before = sorted(folder.rglob("*"))
    capsys.readouterr()
    try:
        code = main.main(list(words))
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert said.count(";") >= 2 and said.rstrip().endswith(".")
    assert sorted(folder.rglob("*")) == before, "a mistake leaves nothing behind"
    return code, said
