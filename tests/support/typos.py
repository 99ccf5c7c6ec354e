"""Generates hundreds of mistyped keys, options and values, and checks that each gives one message."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from netyard.cli import error_messages
from netyard.config import catalog, compose, constraints, suggest
from netyard.config.flatten import keys
from netyard.ranges.constraint import Constraint
from support.command_result import Ran

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


def numbers(cfg: DictConfig) -> dict[str, Constraint]:
    """Return the constraint of each key that accepts only numbers."""
    found = {}
    for group, node in cfg.items():
        for name, constraint in constraints.of(str(node.get("_target_"))).items() if OmegaConf.is_dict(node) else ():
            if name in node and {*constraint.kinds} <= {"int", "float"} and constraint.kinds:
                found[f"{group}.{name}"] = constraint
    return found


def bad_values(draw: random.Random, known: dict[str, Constraint]) -> Iterator[tuple[str, str]]:
    while True:
        key = draw.choice(sorted(known))
        bad: list[Any] = [-0.5, float("nan"), float("inf"), float("-inf"), "lots", "true", 1e309, "[x]", -(10**9)]
        value = draw.choice([each for each in bad if not known[key].admits(each)])
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


def mistakes(kind: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Yield mistakes forever: the override, and the part that the message must name."""
    cfg, _ = compose.compose(["model=mlp"])
    # What the task repeats of the model, loss and optimizer is named where it is typed.
    names = [
        key for key in keys(cfg) if not key.startswith("task.") and "callbacks" not in key and "_target_" not in key
    ]
    match kind:
        case "options":
            return mistyped_options(draw)
        case "keys":
            return mistyped_keys(draw, names)
    return bad_values(draw, {key: each for key, each in numbers(cfg).items() if key in names})


def fault(train: Callable[..., Ran], text: str, named: str) -> str:
    """Describe what is wrong with the message for a mistake; empty if it is one message that names it, with code 2."""
    ran = train(text)
    well = ran.code == 2 and ran.err.count("error: ") == 1 == len(ran.err.splitlines()) and named in ran.err
    return "" if well and not ran.path.exists() else f"{text}: code {ran.code}, {ran.err[-300:]}"


def quickened(patch: pytest.MonkeyPatch) -> None:
    """Cache what a process does once for its command (reading files, listing keys) over all commands."""
    keys = cache(lambda groups: explain_keys(list(groups)))
    explain_keys = suggest.all_keys
    patch.setattr(
        error_messages,
        "all_keys",
        lambda texts: keys(tuple(each for each in texts if each.partition("=")[0] in catalog.GROUPS)),
    )
