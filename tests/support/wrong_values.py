"""Values of a wrong type for every key of every option of ``conf/``, and the configs that they are tried in."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from typing import Any

from omegaconf import DictConfig, OmegaConf

from netyard.config import catalog, compose, constraints, schema
from netyard.errors import ConfigError

# What the user alone can know, and what a task or a model asks of the data.
NEEDED = {
    "csv": ["data.path=x.csv", "data.target=y"],
    "series": ["data.path=x.csv", "data.column=y"],
    "sentiment": ["model=lstm_tiny", "data.path=x.csv"],
    "labelled_text": ["model=lstm_tiny", "data.path=x.csv"],
    "pairs": ["model=seq2seq_tiny", "data.path=x.tsv"],
    "text": ["model=lstm_tiny", "data.path=x.txt"],
    "python_source": ["model=lstm_tiny"],
    "number_words": ["model=seq2seq_tiny"],
    "gym": ["data.id=CartPole-v1"],
    "image_folder": ["data.root=x"],
    "imagenet": ["data.root=x"],
    "regression": ["data=diabetes"],
    "multilabel": ["data=csv", "data.path=x.csv", "data.target=y"],
    "forecasting": ["data=sunspots"],
    "language": ["data=text", "data.path=x.txt", "model=lstm_tiny"],
    "translation": ["data=number_words", "model=seq2seq_tiny"],
    "q_learning": ["model=dqn"],
    "reconstruction": ["model=autoencoder_tiny"],
    "anomaly": ["model=autoencoder_tiny"],
    "adversarial": ["model=gan_tiny"],
    "variational": ["model=vae_tiny"],
    "vector_quantized": ["model=vq_vae_tiny"],
}


def nodes(group: str, option: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The nodes of an option that name a class, with their keys; those that inherit theirs are their parents' too."""
    waiting = [(group, catalog.option_file(group, option))]
    while waiting:
        key, node = waiting.pop()
        if "_target_" in node:
            yield key, node
        waiting += [(f"{key}.{name}", each) for name, each in node.items() if isinstance(each, dict)]


@cache
def classes() -> dict[str, tuple[str, str, str]]:
    """Every class of conf/ -> the group and the option that name it first, and its key in a config."""
    found: dict[str, tuple[str, str, str]] = {}
    for group in catalog.GROUPS:
        for option in catalog.options(group):
            for key, node in nodes(group, option):
                found.setdefault(node["_target_"], (group, option, key.removeprefix("debug.")))
    return found


# Groups whose options fit together, whichever they are; data, tasks, models and debug change other groups.
TOGETHER = ("loss", "optimizer", "scheduler", "augmentation", "trainer", "logger", "callbacks")


def rows() -> list[tuple[tuple[str, str], ...]]:
    """The options that name the classes, in rows of those that are composed together."""
    named = list(dict.fromkeys((group, option) for group, option, _ in classes().values()))
    lanes = [[choice for choice in named if choice[0] == group] for group in TOGETHER]
    return [
        *(((group, option),) for group, option in named if group not in TOGETHER),
        *(tuple(filter(None, row)) for row in zip_longest(*lanes)),
    ]


# A value of each type of YAML, none of which is of the type of most keys.
VALUES: dict[str, Any] = {
    "a number": 7, "a fraction": 0.25, "a text": "some text", "an empty text": "", "a list": [7], "an empty list": [],
    "a list of lists": [[7]], "a mapping": {"a": 1}, "null": None, "true": True, "NaN": float("nan"),
    "infinity": float("inf"), "a huge number": 10**30,
}  # fmt: skip


def require_refused(cfg: DictConfig, choices: Any, kind: str) -> None:
    """Set every key of a config to one value; those of another type are refused, each in three parts."""
    wrong: set[str] = set()
    changed = copy.deepcopy(cfg)
    OmegaConf.set_struct(changed, False)
    for target, key, name in keys_of(cfg):
        known = constraints.of_run_keys() if not target else constraints.of(target) | constraints.of_node_keys()
        # Interpolations of it would be changed, too.
        if name == "_target_" or name not in known or known[name].admits(VALUES[kind]):
            continue
        wrong.add(key)
        OmegaConf.update(changed, key, VALUES[kind], merge=False)
    try:
        found = [*schema.faults(changed, choices)]
    except ConfigError as error:  # a value that cannot even be resolved
        found = [error]
        wrong = {key for key in wrong if key in str(error)} or wrong
    assert all(str(each).count(";") >= 2 for each in found), found
    missed = {key for key in wrong if not any(key in str(each) for each in found)}
    assert not missed, f"{kind} is accepted for {missed}"


def keys_of(node: DictConfig, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """The class of each value of a config that is no node itself, its dotted key and its last part."""
    target = "" if not prefix else str(node.get("_target_", "no class"))
    for name in map(str, node):
        inner = None if OmegaConf.is_interpolation(node, name) or OmegaConf.is_missing(node, name) else node[name]
        if isinstance(inner, DictConfig) and ("_target_" in inner or name in ("callbacks", "augmentation", "logger")):
            yield from keys_of(inner, f"{prefix}{name}.")
        else:
            yield target, f"{prefix}{name}", name


@cache
def composed(row: tuple[tuple[str, str], ...]) -> tuple[DictConfig, Any]:
    """The config of some options, which passes the check, and the option of each group."""
    words = [word for choice in row for word in NEEDED.get(choice[1], [])]
    for group, option in row:
        listed = group == "callbacks" and option != "default"
        words.append(f"callbacks=[default,{option}]" if listed else f"{group}={option}")
    cfg, choices = compose.compose(words)
    schema.check(cfg, choices)
    return cfg, choices
