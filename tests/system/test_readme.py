"""The README's first commands run, and each command of ``netyard`` that it or another page types.

The campaign trains with every command of the README, one by one.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netyard.cli import main
from netyard.export import request
from support.documented_commands import GUIDES, PAGES, ROOT, netyard_commands, runs_here, train_a_batch, train_commands

FIRST = [words for words in train_commands([ROOT / "README.md"]) if runs_here(words)][:2]
TYPED = netyard_commands([page for page in PAGES if page.suffix == ".md" and page.stem not in (*GUIDES, "log")])

ABOUT = {
    "prompt=": "language",
    "count=": "variational",
    "importance_samples=": "variational",
    "episodes=": "q_learning",
}
"""Which finished run a command is about, by a word of it; of the others it is a classification."""


@pytest.mark.parametrize("words", FIRST)
def test_a_first_command_trains(train, words: str, tmp_path: Path) -> None:
    ran = train_a_batch(train, words, tmp_path)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("words", [words for words in TYPED if not words.startswith("export ")])
def test_a_netyard_command_runs(
    copied_run: Callable[..., Path], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # as a rerun leaves it
    assert main.main(arguments_of(words, copied_run, tmp_path, monkeypatch)) == 0


@pytest.mark.parametrize("words", [words for words in TYPED if words.startswith("export ")])
def test_the_words_of_an_export_are_understood(
    copied_run: Callable[..., Path], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests of its own write them all."""
    request.parse(arguments_of(words, copied_run, tmp_path, monkeypatch)[1:])


def arguments_of(
    words: str, copied_run: Callable[..., Path], place: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The arguments of a ``netyard`` command about a run of the user's, in a folder of the user's."""
    name = next((name for word, name in ABOUT.items() if word in words), "classification")
    path = copied_run(name, place / "outputs" / name)
    monkeypatch.chdir(place)
    monkeypatch.setenv("NETYARD_OUTPUTS", str(path.parent))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(place / "PATH.png")
    # A folder of runs is reported as a sweep is.
    words = words.replace("new NAME", "new my_project").replace("SWEEP_DIR", str(path.parent))
    return shlex.split(re.sub(r"\b(?:RUN_DIR|outputs/\S+|DIR)", str(path), words).replace("=PATH", "=PATH.png"))
