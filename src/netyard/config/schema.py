"""Check a config before anything is built: unknown keys, missing values, types and ranges.

The allowed values come from the constructor parameter that a key sets, see ``constraints``. Imports no torch, so a
mistake is reported before seconds of imports.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError

from netyard.config import allowlist, constraints
from netyard.config.catalog import GROUPS, option_file, options, variants
from netyard.config.flatten import leaves
from netyard.errors import ConfigError
from netyard.ranges.constraint import Constraint
from netyard.ranges.signature import refused

GLOBALS = ("seed", "threads", "tags", "resume")


def check(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    """Refuse a composed config that cannot make a run.

    Raises:
        ConfigError: an unknown or missing key, an interpolation that leads nowhere, a value of the wrong type or range,
            a ``_target_`` that nobody offers.
    """
    known = (*GROUPS, *GLOBALS)
    for key in map(str, cfg):
        if key not in known:
            raise ConfigError(
                f"there is no key '{key}';", f"a run knows {', '.join(known)};", f"take {key} out of the command."
            )
    allowlist.require(cfg)
    _check_missing(cfg, choices)
    resolved = resolve(cfg, choices)
    allowlist.require(resolved)
    found = list(_values(resolved, OmegaConf.to_container(cfg, resolve=False)))
    # A value that repeats another key's is looked at last: a mistake is to be named where it was typed.
    for each in sorted(found, key=lambda value: (value.source is not None, value.key.startswith("task."))):
        _check_value(each, choices)


@dataclass(frozen=True)
class _Value:
    """A value of a config: its dotted key, what it may be, if that is known, and the key it repeats, if any."""

    key: str
    value: Any
    constraint: Constraint | None
    source: str | None


def _values(node: Mapping[str, Any], raw: Any, prefix: str = "", source: str | None = None) -> Iterator[_Value]:
    """Every value under a resolved node; ``raw`` is the node as it was written."""
    target = node.get("_target_")
    known = constraints.of_run_keys() if not prefix else constraints.of(target) if isinstance(target, str) else {}
    for name, value in node.items():
        key, written = f"{prefix}{name}", raw.get(name) if isinstance(raw, Mapping) else None
        repeated = f"{source}.{name}" if source else _repeats(written)
        if isinstance(value, Mapping) and (name not in known or "_target_" in value):
            yield from _values(value, written, f"{key}.", repeated)
        # What only the data can tell is null until they are read, and so is what repeats it.
        elif not (repeated is not None and (value is None or (isinstance(value, list) and None in value))):
            yield _Value(key, value, known.get(name), repeated)


def _repeats(written: Any) -> str | None:
    """The key that an interpolation names, or an empty word for one that is more than a key."""
    if isinstance(written, list):
        return next((found for found in map(_repeats, written) if found is not None), None)
    if not isinstance(written, str) or "${" not in written:
        return None
    key = written[2:-1]
    return key if written.startswith("${") and written.endswith("}") and not {*"${:"} & {*key} else ""


def _check_value(each: _Value, choices: Mapping[str, Any]) -> None:
    if each.constraint is not None and not each.constraint.admits(each.value):
        # What the chosen option has fits better than a constructor's default: its batch size is for its data.
        group, _, name = each.key.partition(".")
        default = option_file(group, str(choices[group])).get(name) if isinstance(choices.get(group), str) else None
        constraint = replace(each.constraint, default=default) if each.constraint.admits(default) else each.constraint
        raise refused(each.key, each.value, constraint, each.source or each.key)
    for key, value in leaves(each.value, each.key):  # of mappings that a constructor passes on, as model.arguments
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, float) and not math.isfinite(item):
                raise ConfigError(f"{key} is {item};", "numbers are finite;", f"take {key} out of the command.")


_ANSWERED = {"num_classes": "task=classification loss=cross_entropy", "num_targets": "task=regression loss=mse"}


def resolve(cfg: DictConfig, choices: Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain dicts and lists, every interpolation followed.

    Raises:
        ConfigError: an interpolation leads nowhere: a model asks for what the data does not have.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except (InterpolationKeyError, InterpolationResolutionError) as error:
        asked, wanted = str(error.full_key), _interpolation_key(str(error))
        group, _, fact = wanted.partition(".")
        files = {name: option_file(group, name) for name in options(group)} if group in GROUPS else {}
        giving = [name for name, node in files.items() if fact in node]
        # A data set with a root may have to be downloaded first.
        complete = sorted(
            (name for name in giving if "???" not in files[name].values()), key=lambda name: "root" in files[name]
        )
        asked_by_model = f"${{{wanted}}}" in option_file("model", str(choices.get("model"))).values()
        models = _fitting_models(choices) if asked_by_model and group == "data" else []
        attempts = [*(f"model={name}" for name in models[:1]), *(f"{group}={name}" for name in complete[:1])]
        raise ConfigError(
            f"{_chosen(asked, choices)} does not fit {group}={choices.get(group)}, which has no {fact} for {asked};",
            f"{group} with {fact}: {', '.join(giving) or 'none'};"
            + f" models that fit {group}={choices.get(group)}: {', '.join(models[:8])};" * bool(models),
            f"try {' or '.join(attempts)}." if attempts else "try another combination.",
        ) from error


def require_outputs(config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Of a resolved config whose data has been read.

    Raises:
        ConfigError: a table's target is of another kind than the task's answers.
    """
    if config["task"].get("num_outputs", 0) is None:
        fact = str(option_file("task", str(choices["task"])).get("num_outputs"))[7:-1]
        found = [each for each in _ANSWERED if config["data"].get(each) is not None]
        raise ConfigError(
            f"task={choices['task']} does not fit data={choices['data']}, which has no {fact}, now that it is read;",
            f"it has {' and '.join(found) or 'no target'};",
            f"try {' or '.join(_ANSWERED[each] for each in found) or 'model=autoencoder'}.",
        )


def _fitting_models(choices: Mapping[str, Any]) -> list[str]:
    """The models that ask nothing of the data but what the chosen data set has."""
    facts = option_file("data", str(choices.get("data")))
    asked = {
        name: {str(value)[7:-1] for value in node.values() if str(value).startswith("${data.")}
        for name, node in variants().items()
    }
    fitting = [name for name, keys in asked.items() if keys <= set(facts)]
    # Those that bring no task of their own first.
    return sorted(fitting, key=lambda name: "/task@" in str(variants()[name].get("defaults")))


def _check_missing(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    missing = sorted(_missing(cfg))
    if missing:
        group = missing[0].partition(".")[0]
        raise ConfigError(
            f"{group}={choices.get(group)} needs {' and '.join(missing)};",
            "it has no default, for only you can know it;",
            f"type {' '.join(f'{key}=...' for key in missing)}.",
        )


def _missing(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """The keys that hold ``???``. ``OmegaConf.missing_keys`` follows interpolations too, and trips over broken ones."""
    for name in map(str, node):
        if OmegaConf.is_missing(node, name):
            yield f"{prefix}{name}"
        elif not OmegaConf.is_interpolation(node, name) and isinstance(node[name], DictConfig):
            yield from _missing(node[name], f"{prefix}{name}.")


def _chosen(key: str, choices: Mapping[str, Any]) -> str:
    group = key.partition(".")[0]
    return f"{group}={choices[group]}" if group in choices else group


def _interpolation_key(message: str) -> str:
    """OmegaConf names the missing key in its message only: ``Interpolation key 'data.channels' not found``."""
    return message.partition("'")[2].partition("'")[0]
