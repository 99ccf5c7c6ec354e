"""Every command takes its run, and its input, as a word, as ``name=value`` or as ``--name value``."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.cli.arguments import with_run
from netyard.errors import ConfigError


@pytest.fixture(autouse=True)
def run_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "photos").mkdir()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("run", "run=run"),
        ("run=run", "run=run"),
        ("--run run", "run=run"),
        ("--run=run --which last", "run=run which=last"),
        ("run photos output=a.csv", "run=run input=photos output=a.csv"),
        ("photos run", "input=photos run=run"),
        ("missing photo.png", "run=missing input=photo.png"),
        ("run=run photos", "run=run input=photos"),
        ("run --max-size 3", "run=run max_size=3"),
        ("run input=photos", "run=run input=photos"),
        ("run/checkpoints/last.ckpt", "run=run which=last"),
        ("run=run/checkpoints/best.ckpt which=last", "run=run which=last"),
    ],
)
def test_words_and_flags_are_options(typed: str, meant: str) -> None:
    assert with_run(typed.split(), "predict", "input") == meant.split()


@pytest.mark.parametrize(
    ("typed", "second", "said"),
    [
        ("run photos", None, "2 directories were given, run, photos; netyard predict takes one run"),
        ("run photos third", "input", "3 directories were given"),
        ("run run=run", "input", "2 directories"),
        ("run --output", "input", "output was given no value; an option is name=value; try output=VALUE."),
    ],
)
def test_what_is_one_too_many_is_refused(typed: str, second: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match="given") as refused:
        with_run(typed.split(), "predict", second)
    assert said in str(refused.value)
