"""Every command that is told to a user of another tool."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import pytest

from netyard.config import schema
from netyard.config.compose import compose
from support.documented_commands import ROOT

TABLE = ROOT / "tests" / "unit" / "cli" / "first_words.tsv"


def test_every_command_that_is_suggested_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it can be checked without the user's files."""
    monkeypatch.chdir(tmp_path)
    with TABLE.open(encoding="utf-8") as file:
        answers = {row["answer"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    commands = sorted(each for each in answers if each.startswith("python train.py ") and "--help" not in each)
    assert len(commands) > 150
    for command in commands:
        words = [word for word in shlex.split(command)[2:] if word not in ("-m", "--multirun")]
        if len(words) < len(shlex.split(command)) - 2:  # one job of a sweep
            words = [word.partition(",")[0] for word in words]
        if "data=csv" in words and not any(word.startswith("data.target=") for word in words):
            words.append("data.target=price")  # only the user knows it, and is asked for it next
        # Neither is the user's run here, nor the user's package.
        if not any(word.startswith("resume=") or "my_pkg" in word for word in words):
            schema.check(*compose(words))
