"""Every command of the README and of the page of networks that trains, for a batch or two."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented_commands import ROOT, runs_here, train_a_batch, train_commands


@pytest.mark.parametrize(
    "words", [words for words in train_commands([ROOT / "README.md", ROOT / "docs" / "models.md"]) if runs_here(words)]
)
def test_a_command_runs(train, words: str, tmp_path: Path) -> None:
    ran = train_a_batch(train, words, tmp_path)
    assert ran.code == 0, ran.err
