"""What each parameter of each option can be: that the table is whole, is what the constructors say, and is held to."""

from __future__ import annotations

import copy
import random
from functools import cache
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from netyard.config import catalog, compose, constraints, run_length, schema
from netyard.errors import ConfigError
from netyard.ranges import table
from netyard.ranges.constraint import Constraint
from support.fake_packages import Install
from support.wrong_values import VALUES, classes, composed, nodes, require_refused, rows

BOUNDS = ("ge", "gt", "le", "lt")
# Any finite number: of returns that may be losses, of a logarithm, of the mean of pixels, of the values of a sensor.
UNBOUNDED = {"ignore_index", "v_min", "v_max", "log_variance_range", "mean", "version", "range"}

# A message reads the file of the option; here hundreds of messages are of one file.
read_once = cache(catalog.option_file)


@pytest.fixture(autouse=True)
def _files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "option_file", read_once)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def edges(constraint: Constraint) -> tuple[list[Any], list[Any]]:
    """Values at the ends of a range and just outside of them: those that are admitted, and those that are not."""
    inside: list[Any] = []
    outside: list[Any] = [
        float("nan"),
        float("inf"),
        float("-inf"),
        "a word",
        *[True] * ("bool" not in constraint.kinds),
    ]
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
    stored = (catalog.conf_dir() / table.FILE).read_text(encoding="utf-8")
    assert stored == table.as_text(constraints.gather())


@pytest.mark.parametrize("group", catalog.GROUPS)
def test_every_number_of_every_option_has_a_range(group: str) -> None:
    for option in catalog.options(group):
        for key, node in nodes(group, option):
            known = constraints.of(node["_target_"])
            for name, value in node.items():
                items = value if isinstance(value, list) else [value]
                if any(map(is_number, items)) and (key, name) != ("data", run_length.KEY):
                    assert name in known, f"{group}={option} has {key}.{name} = {value} without a range"
            for name, each in known.items():
                numbers = each.items if "list" in each.kinds and each.items else each
                if {"int", "float"} & {*numbers.kinds} and name not in UNBOUNDED | {"total_steps"}:
                    assert any(getattr(numbers, bound) is not None for bound in BOUNDS), f"{node['_target_']}: {name}"


@pytest.mark.parametrize("group", catalog.GROUPS)
def test_every_key_of_every_option_has_a_type(group: str) -> None:
    for option in catalog.options(group):
        for key, node in nodes(group, option):
            known = {*constraints.of(node["_target_"]), *constraints.of_node_keys(), "defaults"}
            # A table of variants is no key of a config, and data.epochs none of a composed one.
            assert {*node} - {"variants", run_length.KEY} <= known, f"{group}={option}: {key} has keys without a type"


def test_the_example_that_is_proposed_is_admitted() -> None:
    for target in classes():
        for name, each in constraints.of(target).items():
            if each.is_node:  # a group is proposed instead
                continue
            example = each._example()
            assert each.admits(example), f"{target}: {name}: {example!r} is not {each}"


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(map("=".join, row)))
def test_values_at_the_ends_of_each_range_pass_and_those_beyond_or_of_another_type_do_not(
    row: tuple[tuple[str, str], ...], rng: random.Random
) -> None:
    """One type of values for each row; the campaign tries all of them."""
    cfg, choices = composed(row)
    inside: dict[str, Any] = {}
    outside: dict[str, Any] = {}
    for target, (group, option, place) in classes().items():
        node = OmegaConf.select(cfg, place) if (group, option) in row else {}
        for name, constraint in constraints.of(target).items():
            if name not in node or not {"int", "float"} & {*constraint.kinds} or "str" in constraint.kinds:
                continue
            admitted, refused = edges(constraint)
            assert all(map(constraint.admits, admitted)) and not any(map(constraint.admits, refused)), (target, name)
            outside[f"{place}.{name}"] = refused[-1]
            # A key that repeats what the data say admits that value alone.
            inside |= {f"{place}.{name}": admitted[0]} if admitted and name not in schema.FACTS else {}
    # All of them at once, for a check takes a hundred times as long as a comparison.
    assert not faults(cfg, choices, inside) & {*inside}
    assert faults(cfg, choices, outside) >= {*outside}, "others repeat a value"
    require_refused(cfg, choices, rng.choice([*VALUES]))


def faults(cfg: DictConfig, choices: Any, values: dict[str, Any]) -> set[str]:
    """The keys of a config that are refused if it has these values."""
    changed = copy.deepcopy(cfg)
    for key, value in values.items():
        OmegaConf.update(changed, key, value)
    return {str(fault).partition(" is ")[0] for fault in schema.faults(changed, choices)}


# Packages that extend netyard

RANGED = """
from typing import Annotated, Literal

from netyard.ranges.bounds import Count, Gt


class Net:
    def __init__(self, width: Count, mode: Literal["a", "b"] = "a", free=None): pass

    @classmethod
    def scaled(cls, factor: Annotated[float, Gt(0)] = 1.0): return cls(1)


class Unnamed:
    def __init__(self, width: Count): pass
"""
NODES = {
    "conf/model/acme_net.yaml": "_target_: acme.net.Net\nwidth: 1\nmode: a\n",
    "conf/model/acme_scaled.yaml": "_target_: acme.net.Net.scaled\nfactor: 2.0\n",
    "conf/loss/acme_loss.yaml": "_target_: torch.nn.MSELoss\n",
    "conf/data/acme_maze.yaml": "defaults: [cartpole, _self_]\nid: acme.net:Maze-v0\n",
}
TABLE = {
    "acme.net.Net": {"width": {"kinds": ["int"], "ge": 1}, "mode": {"words": ["a", "b"], "default": "a"}},
    "acme.net.Net.scaled": {"factor": {"kinds": ["float"], "gt": 0, "default": 1.0}},
}


def check(*overrides: str) -> None:
    schema.check(*compose.compose(overrides))


def test_the_ranges_of_a_package_are_gathered_and_held_to(install: Install, capsys) -> None:
    folder = install("acme", {"net.py": RANGED, **NODES})
    check("model=acme_net", "model.width=0")  # no table: only the constructor refuses it
    assert constraints.main(["acme"]) == 0
    assert capsys.readouterr().out == f"{folder / 'conf' / table.FILE} has the ranges of 2 classes and functions.\n"
    assert table.load(folder / "conf" / table.FILE) == TABLE == constraints.gather("acme")


def test_the_ranges_of_a_package_are_read_without_importing_it(install: Install) -> None:
    install("acme", {"net.py": "raise SystemExit('imported')", **NODES, "conf/constraints.json": table.as_text(TABLE)})
    check("model=acme_net", "model.width=3", "model.mode=b")
    for wrong, said in (
        (["model=acme_net", "model.width=0"], "model.width is 0; it must be a whole number at least 1; "),
        (["model=acme_net", "model.mode=c"], "model.mode is 'c'; it must be one of a, b; "),
        (["model=acme_scaled", "model.factor=-1"], "model.factor is -1; it must be a number above 0; "),
    ):
        with pytest.raises(ConfigError) as refused:
            check(*wrong)
        assert str(refused.value).startswith(said)


def test_a_package_says_nothing_about_classes_of_others(install: Install) -> None:
    wrong = {"netyard.models.mlp.MLP": {"dropout": {"words": ["x"]}}, "bravo.net.Net": {"width": {"words": ["x"]}}}
    install("acme", {**NODES, "net.py": RANGED, "conf/constraints.json": table.as_text(wrong)})
    install("bravo")
    assert "x" not in str(constraints.of("netyard.models.mlp.MLP")["dropout"])
    assert constraints.of("bravo.net.Net") == {}


def test_a_package_that_is_broken_is_not_gathered(install: Install, capsys) -> None:
    install("acme", {"net.py": RANGED, "conf/model/acme_x.yaml": "a: [1\n"})
    for name, said in (("acme", "package acme is broken: "), ("absent", "no package 'absent' that extends netyard")):
        assert constraints.main([name]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {said}") and error.count("\n") == 1


def test_a_broken_table_is_written_anew(install: Install, capsys) -> None:
    folder = install("acme", {"net.py": RANGED, **NODES, "conf/constraints.json": "{"})
    assert constraints.of("acme.net.Net") == {}
    assert constraints.main(["acme"]) == 0
    assert table.load(folder / "conf" / table.FILE) == TABLE


def test_an_import_that_fails_is_not_hidden(install: Install) -> None:
    install("acme", {"net.py": "import a_module_that_is_nowhere\n", **NODES})
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_nowhere"):
        constraints.gather("acme")
