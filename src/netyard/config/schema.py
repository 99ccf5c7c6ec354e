"""Check a config before anything is built: unknown keys, missing values, types and ranges.

The allowed values come from the constructor parameter that a key sets, see ``constraints``. Imports no torch, so that
a mistake is reported without waiting seconds for imports.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError

from netyard.config import allowlist, by_task, constraints, environment_variables, fitting, trainer_keys
from netyard.config.catalog import GROUPS, LISTS, option_file, options
from netyard.config.flatten import leaves
from netyard.errors import ConfigError
from netyard.io.readable import listed
from netyard.ranges.constraint import Constraint, written
from netyard.ranges.signature import refused

_DEFAULTS: dict[str, Any] = {"seed": 0, "threads": "auto", "tags": [], "resume": None}
YOUNGER: dict[str, Any] = {"baselines": True, "diagnostics": True}
"""Values of keys of conf/train.yaml in runs from before these keys existed."""
GLOBALS = (*_DEFAULTS, *YOUNGER)  # keys of conf/train.yaml outside of all groups
_NODES = ("task", "loss", "optimizer", "scheduler", "trainer", "data", "model")
_DISPENSABLE = ("augmentation", "callbacks", "logger")  # groups that can be empty
# Keys of networks and tasks that repeat what the data, the task or the loss say.
FACTS = {
    *("input_shape", "in_channels", "image_size", "input_size", "vocab_size", "num_classes", "num_actions"),
    *("num_outputs", "num_atoms", "num_outputs_per_pixel", "masked"),
}
_SETS = ("data.val_path", "data.test_path", "data.val_root", "data.test_root")  # of other files than training
_PARTIAL = ("optimizer", "scheduler")  # built later, with the parameters of the network


def check(cfg: DictConfig, choices: Mapping[str, Any], trained: bool = False) -> None:
    """Check a composed config.

    Args:
        trained: the network is that of a finished run, which ``inference.evaluate`` compares with other data itself.

    Raises:
        ConfigError: an unknown or missing key, an interpolation of a key that does not exist, a value of the wrong type
            or range, a ``_target_`` that is not allowed.
    """
    known = (*GROUPS, *GLOBALS)
    for key in map(str, cfg):
        if key not in known:
            raise ConfigError(
                f"there is no key '{key}';",
                f"the keys of a run are {', '.join(known)};",
                f"remove {key} from the command.",
            )
    # Before resolving, which would run resolvers, and again after, because an interpolation may insert a name.
    allowlist.require(cfg)
    _check_groups(cfg)
    _check_missing(cfg, choices)
    resolved = resolve(cfg, choices)
    if fault := next(_faults_of_all(resolved, cfg, choices), None):
        raise fault
    if not trained and (fault := next(_changed_facts(resolved, choices), None)):
        raise fault


def faults(cfg: DictConfig, choices: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield an error for each value of a complete config that is of the wrong type or outside of its range."""
    yield from _faults_of_all(resolve(cfg, choices), cfg, choices)


def _faults_of_all(resolved: Mapping[str, Any], cfg: DictConfig, choices: Mapping[str, Any]) -> Iterator[ConfigError]:
    allowlist.require(resolved)
    yield from _wrong_nodes(resolved, choices)
    found = list(_values(resolved, OmegaConf.to_container(cfg, resolve=False)))
    # A value that repeats another key's is checked last: a mistake is reported at the key that was typed.
    of_trainer = False
    for each in sorted(found, key=lambda value: (value.source is not None, value.key.startswith("task."))):
        for fault in _faults(each, choices):
            of_trainer |= each.key.startswith("trainer.")
            yield fault
    # Last: these read several values at once, which must be of the right type.
    if not of_trainer:
        yield from trainer_keys.faults(resolved, constraints.of(str(resolved["trainer"].get("_target_"))))


def _check_groups(cfg: DictConfig) -> None:
    """Refuse a group that is left out, or that an experiment file or Python has set to a value of another type.

    Before resolving: every interpolation of the group's keys would fail, and be reported in its place.
    """
    config: Any = OmegaConf.to_container(cfg, resolve=False)
    for group in (*_NODES, *_DISPENSABLE):
        # Callbacks are a mapping of nodes, and no node themselves; with callbacks=[] there are none.
        node = config.get(group, {} if group in LISTS else "")
        if isinstance(node, Mapping) and ("_target_" in node or group in LISTS):
            continue
        if group in _DISPENSABLE and (node is None or node == {}):
            continue
        given = ("is left out" if group not in config else f"is {written(node)}")[:200]
        raise ConfigError(
            f"{group} {given};",
            f"it is an option, a node with a _target_: {group} is one of {listed(options(group))};",
            f"try {group}={_simple(group)}.",
        )
    for key in _DEFAULTS:
        if key not in config:
            raise ConfigError(f"{key} is left out;", "every run has it;", f"try {key}={written(_DEFAULTS[key])}.")


def _simple(group: str) -> str:
    """An option to try: none, if the group has that."""
    return "none" if "none" in options(group) else options(group)[0]


def _wrong_nodes(config: Mapping[str, Any], choices: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield an error for each group that is not one option, and for each callback that is not a node."""
    for group in _NODES:
        # Hydra names no choice where a list was given.
        if group not in choices:
            yield ConfigError(
                f"{group} is given as a list, or not as an option;",
                f"it is one option, and results name it: {group} is one of {listed(options(group))};",
                f"try {group}={options(group)[0]}.",
            )
        # Hydra builds such a node only as far as a function that waits for its other arguments, and any other at once.
        if (partial := config[group].get("_partial_", False)) is not (group in _PARTIAL):
            yield ConfigError(
                f"{group}._partial_ is {written(partial)};",
                f"of {group} it must be {written(group in _PARTIAL)};",
                f"take {group}._partial_ out of the config.",
            )
    for group in LISTS:
        for name, value in (config.get(group) or {}).items():
            if value is not None and not (isinstance(value, Mapping) and "_target_" in value):
                yield ConfigError(
                    f"{group}.{name} is {written(value)};",
                    "it must be a node with a _target_, or null;",
                    f"try {group}.{name}=null.",
                )


@dataclass(frozen=True)
class _Value:
    """A value of a config, with its dotted key, its constraint if known, and the key that it interpolates, if any."""

    key: str
    value: Any
    constraint: Constraint | None
    source: str | None


def _values(node: Mapping[str, Any], raw: Any, prefix: str = "", source: str | None = None) -> Iterator[_Value]:
    """Every value under a resolved node; ``raw`` is the same node before interpolations were resolved."""
    target = node.get("_target_")
    # At the top level there is no class: those keys have constraints of their own.
    known: Mapping[str, Constraint] = {} if prefix else constraints.of_run_keys()
    if prefix and isinstance(target, str):
        known = {**constraints.of_node_keys(), **constraints.of(target)}
    for name, value in node.items():
        key, written = f"{prefix}{name}", raw.get(name) if isinstance(raw, Mapping) else None
        repeated = f"{source}.{name}" if source else _repeats(written)
        # A mapping is entered, unless the constructor takes it as it is (model.arguments).
        if isinstance(value, Mapping) and (name not in known or "_target_" in value):
            yield from _values(value, written, f"{key}.", repeated)
        # Facts such as num_classes may be null until the data are read; so are values that interpolate them.
        elif not (repeated is not None and (value is None or (isinstance(value, list) and None in value))):
            yield _Value(key, value, known.get(name), repeated)


def _repeats(written: Any) -> str | None:
    """The key of an interpolation ``${key}``; an empty text if it is more than one key; None without interpolation."""
    if isinstance(written, list):
        return next((found for found in map(_repeats, written) if found is not None), None)
    if not isinstance(written, str) or "${" not in written:
        return None
    # ${resolver:...}, ${a}/${b} and nested interpolations name no single key.
    key = written[2:-1]
    return key if written.startswith("${") and written.endswith("}") and not {*"${:"} & {*key} else ""


def _faults(each: _Value, choices: Mapping[str, Any]) -> Iterator[ConfigError]:
    if each.constraint is not None and not each.constraint.admits(each.value):
        # What the chosen option has fits better than a constructor's default: its batch size is for its data.
        group, _, name = each.key.partition(".")
        default = option_file(group, str(choices[group])).get(name) if isinstance(choices.get(group), str) else None
        if fault := trainer_keys.of_no_batches(each.key, each.value):
            yield fault
            return
        if each.key in _SETS and isinstance(each.value, list) and each.value:
            yield _several_sets(each)
            return
        if each.constraint.is_node:
            yield _no_node(each, default)
            return
        fits = default != "???" and each.constraint.admits(default)
        constraint = replace(each.constraint, default=default) if fits else each.constraint
        yield refused(each.key, each.value, constraint, each.source or each.key)
        return
    for key, value in leaves(each.value, each.key):  # of mappings that a constructor passes on, as model.arguments
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, float) and not math.isfinite(item):
                yield ConfigError(f"{key} is {item};", "numbers are finite;", f"take {key} out of the command.")


def _changed_facts(config: Mapping[str, Any], choices: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield an error for each key of a network or task that has to repeat another one, and has another value."""
    for group in ("model", "task"):
        file = option_file(group, str(choices.get(group)))
        for key in FACTS & {*file} & {*config.get(group, {})}:
            source = str(file[key])[2:-1]
            owner, _, fact = source.partition(".")
            true, given = (config.get(owner) or {}).get(fact), config[group][key]
            if true is not None and given is not None and given != true:
                yield ConfigError(
                    f"{group}.{key} is {written(given)}, and {source} is {written(true)};",
                    f"the network has to fit the {owner}, so {group}.{key} repeats {source};",
                    f"take {group}.{key} out of the command.",
                )


def _several_sets(each: _Value) -> ConfigError:
    use = "validated" if "val_" in each.key else "tested"
    further = f"{each.key.replace('val_', 'test_')}={each.value[-1]}"
    return ConfigError(
        f"{each.key} is {written(each.value)};",
        f"a run is {use} on one set, and a trained network is tested on any number of further ones;",
        f"try {each.key}={each.value[0]}, and afterwards netyard evaluate RUN_DIR {further}.",
    )


def _no_node(each: _Value, default: Any) -> ConfigError:
    inner = next((group for group in GROUPS if default == f"${{{group}}}"), None)
    return ConfigError(
        f"{each.key} is {written(each.value)};",
        f"it is the node of the group {inner};" if inner else f"it must be {each.constraint};",
        f"try {inner}={options(inner)[0]}." if inner else f"take {each.key} out of the config.",
    )


# Facts about a table's target -> the options of a task that fits it.
_ANSWERED = {
    "num_classes": "task=classification loss=cross_entropy",
    "num_labels": "task=multilabel",
    "num_targets": "task=regression loss=mse",
}


def resolve(cfg: DictConfig, choices: Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain dicts and lists, with all interpolations resolved.

    Raises:
        ConfigError: an interpolation of a key that does not exist: a model needs a fact that the data set lacks.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except (InterpolationKeyError, InterpolationResolutionError) as error:
        if variable := environment_variables.named_in(error):
            raise environment_variables.unset(variable) from error
        # Which option has the missing key? Its file is searched in the group that the interpolation names.
        asked, wanted = str(error.full_key), _interpolation_key(str(error))
        group, _, fact = wanted.partition(".")
        files = {name: option_file(group, name) for name in options(group)} if group in GROUPS else {}
        giving = [name for name, node in files.items() if fact in node]
        # For the example: data sets without required keys, and those that need no download (no root) first.
        complete = sorted(
            (name for name in giving if "???" not in files[name].values()), key=lambda name: "root" in files[name]
        )
        asked_by_model = f"${{{wanted}}}" in option_file("model", str(choices.get("model"))).values()
        models = fitting.models_for(choices, group) if asked_by_model and group in ("data", "task") else []
        # One model and one data set: either may be what the user wants to keep.
        attempts = [*(f"model={name}" for name in models[:1]), *(f"{group}={name}" for name in complete[:1])]
        raise ConfigError(
            f"{_chosen(asked, choices)} does not fit {group}={choices.get(group)}, which has no {fact} for {asked};",
            f"{group} with {fact}: {listed(giving) or 'none'};"
            + f" models that fit {group}={choices.get(group)}: {listed(models, 8)};" * bool(models),
            f"try {' or '.join(attempts)}." if attempts else "try another combination.",
        ) from error


def require_outputs(config: Mapping[str, Any], choices: Mapping[str, Any], correction: str = "") -> None:
    """Check a resolved config after the data was read.

    Args:
        correction: what the user types if the data took the target for the wrong kind; empty if it cannot be another.

    Raises:
        ConfigError: the target of a table does not fit the task, as numbers do not fit a classification.
    """
    if fault := next(_changed_facts(config, choices), None):
        raise fault
    _require_classes(config, choices)
    # num_outputs interpolates num_classes, num_labels or num_targets of the data, whichever the task needs.
    if config["task"].get("num_outputs", 0) is None and by_task.predicts(config["task"]):
        fact = str(option_file("task", str(choices["task"])).get("num_outputs"))[7:-1]
        found = [each for each in _ANSWERED if config["data"].get(each) is not None]
        attempts = [*[correction] * bool(correction), *(_ANSWERED[each] for each in found)]
        raise ConfigError(
            f"task={choices['task']} does not fit data={choices['data']}, which has no {fact} after it was read;",
            f"it has {' and '.join(found) or 'no target'};",
            f"try {', or '.join(attempts) or 'model=autoencoder'}.",
        )


def _require_classes(config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Refuse a network that is conditional on the class for data without any."""
    name = str(choices.get("model"))
    keys = [key for key, value in option_file("model", name).items() if value == "${data.num_classes}"]
    if any(config["model"].get(key, 0) is None for key in keys):
        plain = name.replace("conditional_", "")
        raise ConfigError(
            f"model={name} needs the class of each sample, and data={choices['data']} has none after it was read;",
            "classes are a column of a table, or class folders of images (two at least, without images beside them);",
            f"try model={plain}." if plain in options("model") else "try data with classes.",
        )


def _check_missing(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    # Some tasks alone need a key such as the target of a table.
    needed = (f"data.{name}" for name in by_task.chosen_keys(cfg.data) if cfg.data[name] == by_task.REQUIRED)
    missing = sorted([*_missing(cfg), *needed])
    if missing:
        group = missing[0].partition(".")[0]
        raise ConfigError(
            f"{group}={choices.get(group)} needs {' and '.join(missing)};",
            "it has no default, because it depends on your data or machine;",
            f"type {' '.join(f'{key}=...' for key in missing)}{_without_target(missing, cfg)}.",
        )


def _without_target(missing: Sequence[str], cfg: DictConfig) -> str:
    """What to type in place of a target that only tasks which predict need."""
    if missing != ["data.target"] or "target" not in by_task.chosen_keys(cfg.data):
        return ""
    return ", or without a target try model=autoencoder"


def _missing(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """The keys with the value ``???``. ``OmegaConf.missing_keys`` resolves interpolations, and fails on broken ones."""
    for name in map(str, node):
        if OmegaConf.is_missing(node, name):
            yield f"{prefix}{name}"
        elif not OmegaConf.is_interpolation(node, name) and isinstance(node[name], DictConfig):
            yield from _missing(node[name], f"{prefix}{name}.")


def _chosen(key: str, choices: Mapping[str, Any]) -> str:
    group = key.partition(".")[0]
    return f"{group}={choices[group]}" if group in choices else group


def _interpolation_key(message: str) -> str:
    """The missing key, which OmegaConf has only in its message: ``Interpolation key 'data.channels' not found``."""
    return message.partition("'")[2].partition("'")[0]
