"""``netyard list``: the options of each group, with the first comment of their files. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from textwrap import wrap

from netyard.cli.arguments import divided, require_options
from netyard.cli.command import Command, Option
from netyard.config import catalog
from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError

# The groups that users may also type in the plural; data, callbacks and debug have none.
PLURALS = {"models": "model", "tasks": "task", "losses": "loss", "optimizers": "optimizer", "schedulers": "scheduler"}
PLURALS |= {
    "augmentations": "augmentation",
    "trainers": "trainer",
    "loggers": "logger",
    "experiments": "experiment",
    "sweeps": "sweep",
}


def overview() -> str:
    """Every group with its options, wrapped to the terminal; models by family, and at the end those in single files."""
    lines: list[str] = []
    for group in catalog.GROUPS:
        names = catalog.options(group)
        if group == "model":
            lines.append("  model")
            # Hundreds of models: a line for each family is easier to read than one alphabetical list.
            members = {family: list(node["variants"]) for family, node in catalog.families().items()}
            if alone := [name for name in names if name not in catalog.variants()]:
                members["others"] = alone
            for family, each in members.items():
                lines += wrap(", ".join(each), 108, initial_indent=f"    {family:13} ", subsequent_indent=" " * 18)
        else:
            lines += wrap(", ".join(names) or "-", 108, initial_indent=f"  {group:16}", subsequent_indent=" " * 18)
    return "\n".join(lines)


def show(arguments: Sequence[str]) -> int:
    """Print the options of a group; without one, of every group.

    Raises:
        ConfigError: no such group or option, or two packages offer one name.
    """
    words, filters = divided(arguments)
    catalog.require_distinct()  # of two packages with one option, a list would show the wrong one
    if not words:  # netyard list: help and overview
        print(f"{COMMAND.help}\n\n{overview()}")
        return 0
    group = group_named(words[0])
    require_options(filters, COMMAND.options, "list")
    names = _matching(group, words[1:])
    # Published numbers, so that no network has to be built.
    counts = catalog.parameters() if group == "model" else {}
    if filters:
        names = _filtered(group, names, counts, filters)
    width = max((len(name) for name in names), default=0)
    for name in names:
        count = f"{counts[name]:>13,}  " if name in counts else " " * 15 if counts else ""
        package = catalog.owner(group, name)
        origin = "" if package == "netyard" else f"  [{package}]"
        print(f"{name:{width}}  {count}{catalog.headline(group, name)}{origin}".rstrip())
    if counts:
        print("\nParameters at 1000 classes of 3x224x224 images; a network fits itself to the data it gets.")
    return 0


def group_named(word: str) -> str:
    """The group of this name, in the singular or the plural.

    Raises:
        ConfigError: there is no such group.
    """
    group = PLURALS.get(word, word)
    if group not in catalog.GROUPS:
        raise ConfigError(
            f"there is no group '{word}';",
            did_you_mean(word, [*catalog.GROUPS, *PLURALS]) or f"groups are {', '.join(catalog.GROUPS)};",
            "netyard list prints all of them.",
        )
    return group


def _matching(group: str, patterns: Sequence[str]) -> list[str]:
    """The options that match any of the globs.

    Raises:
        ConfigError: a glob that no option matches.
    """
    everything = catalog.options(group)
    # Each pattern has to match: of several, one with a typing mistake would go unnoticed.
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in everything):
            raise ConfigError(
                f"no {group} is '{pattern}';",
                did_you_mean(pattern.strip("*?"), everything) or f"there are {len(everything)} of them;",
                f"netyard list {group} prints all.",
            )
    return [name for name in everything if not patterns or any(fnmatch(name, pattern) for pattern in patterns)]


def _filtered(group: str, names: list[str], counts: Mapping[str, int], filters: Mapping[str, str]) -> list[str]:
    if group != "model":
        raise ConfigError(
            f"{next(iter(filters))} is not a filter for group {group};",
            "only models have parameters and families;",
            f"try netyard list models {' '.join(f'{name}={value}' for name, value in filters.items())}.",
        )
    # divided() has turned --max-parameters 10M into max_parameters=10M.
    low, high = (_number(name, filters.get(name)) for name in ("min_parameters", "max_parameters"))
    if low is not None or high is not None:  # models without a published count are left out
        names = [name for name in names if name in counts and (low or 0) <= counts[name] <= (high or math.inf)]
    if wanted := filters.get("family"):  # models in single files have no family, and never match
        names = [name for name in names if fnmatch(catalog.family_of(name) or "", wanted)]
    return names


def _number(name: str, text: str | None) -> float | None:
    """A number with a suffix: 10M is ten millions; K and B (or G) likewise."""
    if text is None:
        return None
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9}.get(text[-1:].upper(), 1)
    try:
        number = float(text[:-1] if scale > 1 else text) * scale
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:  # false for NaN too
        raise ConfigError(
            f"{name} is '{text}';", "it is a number above 0, with K, M or B for thousands and more;", f"try {name}=10M."
        )
    return number


COMMAND = Command(
    name="list",
    does="Print the options of a group: models, data, optimizers, ...",
    usage="[models|data|optimizers|...] [glob...] [filter=value ...]",
    run=show,
    body=(
        "  netyard list models 'resnet*' 'vgg*'    names, numbers of parameters, descriptions",
        Option("max_parameters=10M", "models with at most this many (K, M, B); --max-parameters 10M is the same"),
        Option("min_parameters=1M", "models with at least this many"),
        Option("family=efficientnet", "models of this family, which may be a glob"),
    ),
    alone=True,
)
