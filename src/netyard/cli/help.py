"""``netyard help GROUP=OPTION ...``: each key of an option with its value, what it may be, and what it means.

All of it is read from ``conf/``: the values as composed, the ranges from ``constraints.json``, and the meaning from the
comments of the option's file. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from omegaconf import DictConfig, OmegaConf

from netyard.cli.command import WIDTH, Command
from netyard.cli.list import group_named
from netyard.config import catalog, constraints
from netyard.config.compose import compose
from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError
from netyard.io.readable import listed
from netyard.ranges.constraint import Constraint

GUIDES = "docs"
"""The word, and the folder, of the guides."""
_KEY = re.compile(r"(?P<key>\w+):(?P<value>.*?)(\s+#\s*(?P<comment>.*))?")
_INDENT = " " * 6


def show(arguments: Sequence[str]) -> int:
    """Print the keys of each option that is named; of a group alone, those of the option that a run would have.

    Raises:
        ConfigError: there is no such group or option.
    """
    guides = [_guide(word) for word in arguments if word == GUIDES or word.endswith(".md")]
    asked = [_parsed(word) for word in arguments if word != GUIDES and not word.endswith(".md")]
    if not asked:
        print("\n\n".join(guides))
        return 0
    sections = []
    for group, option in asked:
        # Of several options of one group, Hydra would take the last.
        others = [f"{name}={each}" for name, each in asked if each and name != group]
        config, choices = compose([*others, *([f"{group}={option}"] if option else [])])
        sections.append(list(_described(group, choices.get(group), config)))
    print("\n\n".join([*guides, *("\n".join(lines) for lines in sections)]))
    return 0


def guides() -> dict[str, Path]:
    """The guides by their names: ``docs/`` of a checkout, beside ``conf/``, or the folder of that name in a wheel."""
    return {path.name: path for path in sorted((catalog.conf_dir().parent / GUIDES).glob("*.md"))}


def _guide(word: str) -> str:
    """The text of a guide, ``docs/sweeps.md``, or for ``docs`` a line for each guide.

    Raises:
        ConfigError: there is no such guide.
    """
    found = guides()
    if word == GUIDES:
        titles = (path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for path in found.values())
        return "\n".join(f"netyard help {GUIDES}/{name:22} {title}" for name, title in zip(found, titles, strict=True))
    name = word.removeprefix(f"{GUIDES}/")
    if name not in found:
        raise ConfigError(
            f"there is no guide {word};",
            did_you_mean(name, [*found]) or f"guides are {listed([*found])};",
            f"netyard help {GUIDES} prints them all.",
        )
    return found[name].read_text(encoding="utf-8").rstrip("\n")


def _parsed(word: str) -> tuple[str, str]:
    """Group and option of a word; the option is empty for a group alone.

    Raises:
        ConfigError: there is no such group or option.
    """
    name, _, option = word.partition("=")
    group = group_named(name)
    options = catalog.options(group)
    if option and option not in options:
        raise ConfigError(
            f"there is no {group}={option};",
            did_you_mean(option, options) or f"{group} is one of {listed(options)};",
            f"netyard list {group} prints them all.",
        )
    return group, option


def _described(group: str, option: Any, config: DictConfig) -> Iterator[str]:
    """The lines about the chosen option of a group, or about all nodes of the callbacks."""
    if group in catalog.LISTS:
        yield f"{group}=[NAME,...], of {', '.join(catalog.options(group))}"
        for name in catalog.options(group):
            comments = dict(_comments(group, name))
            for node in catalog.option_file(group, name):
                yield from _keys(f"{group}.{node}", config[group].get(node), comments)
    elif option is None:  # of experiment, sweep and debug
        yield f"{group} is one of {', '.join(catalog.options(group))}, or null"
    else:
        yield from wrap(f"{group}={option}  {catalog.headline(group, option)}", WIDTH)
        if group in config:
            yield from _keys(group, config[group], dict(_comments(group, option)))
        else:  # its file sets keys of other groups
            yield from (f"  {line}" for line in _settings(catalog.option_file(group, option)))


def _settings(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{key}.")
        elif not key.startswith("_") and key != "defaults":
            yield f"{prefix}{key}={_text(value)}"


def _keys(prefix: str, node: Any, comments: Mapping[str, str]) -> Iterator[str]:
    """A line for each key, ``group.key=value``, and below it what it may be and what it means."""
    if not isinstance(node, DictConfig):
        return
    written: Any = OmegaConf.to_container(node, resolve=False)
    known = constraints.of(str(node.get("_target_")))
    for key, value in written.items():
        if key.startswith("_") or isinstance(value, Mapping):
            continue
        source = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
        yield f"  {prefix}.{key}={_text(value)}" if value != "???" else f"  {prefix}.{key}=..., which is required"
        constraint, meaning = known.get(key), comments.get(key, "")
        if constraint is not None and {*meaning.split()} <= {*map(str, constraint.words)}:
            meaning = ""  # the words alone, which the range lists too
        said = [meaning, f"repeats {source[1]}" if source else _range(constraint)]
        if text := "; ".join(filter(None, said)):
            yield from wrap(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False)


def _range(constraint: Constraint | None) -> str:
    return str(constraint) if constraint is not None and not constraint.is_node else ""


def _text(value: Any) -> str:
    """A value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(_text, value))}]" if isinstance(value, list) else str(value)


def _comments(group: str, option: str) -> Iterator[tuple[str, str]]:
    """The comment of each key in the file of an option, and in those of the same group that it extends."""
    path = catalog.file_of(group, option)
    if path is None:
        return
    # First what it extends, so that a comment of its own counts.
    for each in catalog.option_file(group, option).get("defaults") or []:
        if isinstance(each, str) and each != "_self_":
            yield from _comments(group, each)
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _KEY.fullmatch(line.strip() if group in catalog.LISTS else line)  # otherwise of keys at the margin
        if found and found["comment"]:
            yield found["key"], found["comment"]


COMMAND = Command(
    name="help",
    does="Print each key of an option: its value, what it may be, and what it means",
    usage="GROUP=OPTION ... | docs/GUIDE.md",
    run=show,
    body=(
        "  netyard help model=cnn optimizer    the keys of model=cnn, and those of its optimizer",
        "  netyard help train                  the help of a command, as netyard train --help",
        "  netyard help docs/sweeps.md         a guide; netyard help docs lists them",
    ),
)
