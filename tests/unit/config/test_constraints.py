"""What each parameter of each option can be: that the table is whole, is what the constructors say, and is held to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from netyard.config import catalog, compose, constraints, schema
from netyard.errors import ConfigError
from netyard.ranges.constraint import Constraint

BOUNDS = ("ge", "gt", "le", "lt")
# Any finite number: of returns that may be losses, of a logarithm, of the mean of pixels, of what stands for white.
UNBOUNDED = {"v_min", "v_max", "log_variance_range", "mean", "version"}
# What the user alone can know, and what a task or a model asks of the data.
NEEDED = {
    "csv": ["data.path=x.csv", "data.target=y"],
    "series": ["data.path=x.csv", "data.column=y"],
    "sentiment": ["model=lstm_tiny", "data.path=x.csv"],
    "text": ["model=lstm_tiny", "data.path=x.txt"],
    "python_source": ["model=lstm_tiny"],
    "number_words": ["model=seq2seq_tiny"],
    "gym": ["data.id=CartPole-v1"],
    "image_folder": ["data.root=x"],
    "imagenet": ["data.root=x"],
    "regression": ["data=diabetes"],
    "forecasting": ["data=sunspots"],
    "language": ["data=text", "data.path=x.txt", "model=lstm_tiny"],
    "translation": ["data=number_words", "model=seq2seq_tiny"],
    "q_learning": ["model=dqn"],
    "reconstruction": ["model=autoencoder_tiny"],
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


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def edges(constraint: Constraint) -> tuple[list[Any], list[Any]]:
    """Values at the ends of a range and just outside of them: those that are admitted, and those that are not."""
    inside: list[Any] = []
    outside: list[Any] = [float("nan"), float("inf"), float("-inf"), "a word", True]
    step = 1 if "float" not in constraint.kinds else 1e-6
    for bound, sign, closed in (("ge", -1, True), ("gt", -1, False), ("le", 1, True), ("lt", 1, False)):
        value = getattr(constraint, bound)
        if value is not None:
            outside.append(value + sign * step if closed else value)
            inside.append(value if closed else value - sign * step)
    if "float" not in constraint.kinds:
        outside.append(1.5)
    if not constraint.null:
        outside.append(None)
    outside = [value for value in outside if value not in constraint.words or value is True]
    return inside, outside


def test_the_table_is_what_the_constructors_say() -> None:
    """``python -m netyard.config.constraints`` writes it anew."""
    stored = (catalog.conf_dir() / constraints.FILE).read_text(encoding="utf-8")
    assert stored == constraints.as_text(constraints.gathered())


@pytest.mark.parametrize("group", catalog.GROUPS)
def test_every_number_of_every_option_has_a_range(group: str) -> None:
    for option in catalog.options(group):
        for key, node in nodes(group, option):
            known = constraints.of(node["_target_"])
            for name, value in node.items():
                items = value if isinstance(value, list) else [value]
                if any(map(is_number, items)):
                    assert name in known, f"{group}={option} has {key}.{name} = {value} without a range"
            for name, each in known.items():
                numbers = each.items if "list" in each.kinds and each.items else each
                if {"int", "float"} & {*numbers.kinds} and name not in UNBOUNDED | {"total_steps"}:
                    assert any(getattr(numbers, bound) is not None for bound in BOUNDS), f"{node['_target_']}: {name}"


@pytest.mark.parametrize("target", classes())
def test_the_example_that_is_proposed_is_admitted(target: str) -> None:
    for name, each in constraints.of(target).items():
        example = each._example()
        assert each.admits(example), f"{name}: {example!r} is not {each}"


@pytest.mark.parametrize("target", classes())
def test_values_at_the_ends_of_each_range_pass_and_those_beyond_do_not(target: str) -> None:
    group, option, place = classes()[target]
    chosen = f"callbacks=[default,{option}]" if group == "callbacks" and option != "default" else f"{group}={option}"
    cfg, choices = compose.compose([chosen, *NEEDED.get(option, [])])
    schema.check(cfg, choices)
    node = cfg
    for name in place.split("."):
        node = node[name]
    for name, constraint in constraints.of(target).items():
        if name not in node or not {"int", "float"} & {*constraint.kinds} or "str" in constraint.kinds:
            continue
        inside, outside = edges(constraint)
        assert all(map(constraint.admits, inside)) and not any(map(constraint.admits, outside)), name
        # Through the whole check once, for it takes a hundred times as long.
        assert refusal(cfg, choices, node, name, outside[-1]).startswith(f"{place}.{name} is ")
        if inside:
            assert refusal(cfg, choices, node, name, inside[0]) == ""


def refusal(cfg: DictConfig, choices: Any, node: DictConfig, name: str, value: Any) -> str:
    """What is said of a config with another value in one of its nodes."""
    before = OmegaConf.to_container(node, resolve=False)[name]
    node[name] = value
    try:
        schema.check(cfg, choices)
    except ConfigError as error:
        return str(error)
    finally:
        node[name] = before
    return ""
