"""Mistyped keys, options and values, made by the hundred: each is one message that names what was typed, code 2."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.core_plugins.file_config_source import FileConfigSource

from netyard import catalog, cli, explain
from netyard.explain import dotted
from netyard.schema import RULES, Number

OPTIONS, KEYS, VALUES = 380, 120, 70
GROUPS = ("model", "data", "task", "loss", "optimizer", "scheduler", "augmentation", "trainer", "logger", "experiment")


def slipped(word: str, draw: random.Random) -> str:
    """The word with a letter left out, doubled, replaced, or changed with its neighbour."""
    at = draw.randrange(len(word))
    letter = draw.choice("aeiorstlnx")
    match draw.randrange(4):
        case 0 if len(word) > 2:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at] + word[at:]
        case 2 if at + 1 < len(word):
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + letter + word[at + 1 :]


def mistyped_options(draw: random.Random) -> Iterator[tuple[str, str]]:
    known = {group: {*catalog.options(group)} for group in GROUPS}
    while True:
        group = draw.choice(GROUPS)
        option = slipped(draw.choice(sorted(known[group])), draw)
        if option not in known[group] and option[0].isalpha() and option not in ("null", "none"):
            yield f"{group}={option}", option


def mistyped_keys(draw: random.Random, keys: list[str]) -> Iterator[tuple[str, str]]:
    while True:
        *parents, last = draw.choice(keys).split(".")
        key = ".".join([*parents, slipped(last, draw)])
        if key not in keys and key.partition("=")[0] not in catalog.GROUPS:
            yield f"{key}={draw.choice(['1', 'x', '[1,2]', 'null'])}", key


def bad_values(draw: random.Random, numbers: dict[str, Number]) -> Iterator[tuple[str, str]]:
    while True:
        key = draw.choice(sorted(numbers))
        bad: list[Any] = [-0.5, float("nan"), float("inf"), float("-inf"), "lots", "true", 1e309, "[x]", -(10**9)]
        value = draw.choice([each for each in bad if not numbers[key].admits(each)])
        yield f"{key}={value}", key


GRAMMAR = [
    "optimizer.lr",
    "=1",
    "optimizer.lr=[1",
    "optimizer.lr={a",
    "a b=1",
    "optimizer.lr='x",
    "lr==1",
    "model=",
    "@x=1",
    "model=1",
    "callbacks=[1]",
    "model={a:1}",
]


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process does once for its one command is done once for all of them here: files read, keys listed."""
    read = cache(lambda source, provider, path, name: reading(FileConfigSource(provider, source), name))
    reading = FileConfigSource.load_config
    monkeypatch.setattr(
        FileConfigSource,
        "load_config",
        lambda self, name: copy.copy(read(self.path, self.provider, self.path, name)),
    )
    keys = cache(lambda groups: explain_keys(list(groups)))
    explain_keys = explain._all_keys
    monkeypatch.setattr(
        explain,
        "_all_keys",
        lambda texts: keys(tuple(each for each in texts if each.partition("=")[0] in catalog.GROUPS)),
    )


def test_hundreds_of_mistakes(
    tally, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str], quickly: None
) -> None:
    monkeypatch.chdir(tmp_path)
    draw = random.Random(7)
    cfg, _ = cli.compose(["model=mlp"])
    keys = [*dotted(cfg)]
    # What the task repeats of the model, loss and optimizer is named where it is typed.
    names = [key for key in keys if not key.startswith("task.") and "callbacks" not in key and "_target_" not in key]
    numbers = {key: RULES[key.rpartition(".")[2]] for key in names if key.rpartition(".")[2] in RULES}
    mistakes = [
        *[next(made) for made in [mistyped_options(draw)] for _ in range(OPTIONS)],
        *[next(made) for made in [mistyped_keys(draw, names)] for _ in range(KEYS)],
        *[next(made) for made in [bad_values(draw, numbers)] for _ in range(VALUES)],
        *((text, "") for text in GRAMMAR),
    ]
    assert len({text for text, _ in mistakes}) > 550
    withstood, wrong = 0, []
    for text, named in mistakes:
        monkeypatch.setattr(sys, "argv", ["train.py"])
        try:
            code = cli.train([text, "hydra.run.dir=run"])
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr().err
        well = code == 2 and said.count("error: ") == 1 == len(said.splitlines()) and named in said
        withstood += well and not Path("run").exists()
        if not well:
            wrong.append((text, code, said[-300:]))
    print(*wrong, sep="\n")
    tally("given a mistyped key, option or value", len(mistakes), withstood)
