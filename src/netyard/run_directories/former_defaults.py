"""The defaults that a run was started with, where netyard has others by now. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from netyard.config import catalog
from netyard.config.compose import DEFAULT, Sources, compose
from netyard.config.equal_values import same
from netyard.config.flatten import leaves
from netyard.config.overrides import override
from netyard.errors import NetyardError
from netyard.io import redact
from netyard.run_directories.directory import RunDir

GROUPS = ("task", "loss", "optimizer", "scheduler", "augmentation", "trainer", "data", "model")


def overrides_of(run_dir: RunDir, typed: Sequence[str], sources: Sources = DEFAULT) -> list[str]:
    """The overrides with which a run's own overrides compose the config that they composed when it was started.

    Empty if they still do. They go before the run's own overrides. Only options of netyard are looked at: a file of the
    user that has changed makes another experiment.

    Args:
        typed: the overrides that the run has recorded.
    """
    recorded, choices = run_dir.composed()
    typed = [text for text in typed if not text.startswith("hydra.")]
    if not recorded or not choices:
        return []
    try:
        config, chosen = compose(typed, sources)
        changed = [
            f"{group}={choices[group]}"
            for group in GROUPS
            if choices.get(group) != chosen.get(group) and str(choices.get(group)) in catalog.options(group)
        ]
        if changed:
            config, chosen = compose([*changed, *typed], sources)
    except (HydraException, OmegaConfBaseException, NetyardError):  # told when the run is composed
        return []
    return [*changed, *_values(recorded, OmegaConf.to_container(config), chosen)]


def _values(recorded: Mapping[str, Any], today: Any, chosen: Mapping[str, Any]) -> Iterator[str]:
    """An override for each key of both configs whose value is another today."""
    for group in GROUPS:
        if catalog.file_of(group, str(chosen.get(group))) is None or catalog.owner(group, chosen[group]) != "netyard":
            continue
        was, now = (dict(leaves(each.get(group) or {}, group)) for each in (recorded, today))
        for key in [key for key in was if key in now]:
            # An interpolation repeats another key, which has the value; what is masked was not recorded.
            if not same(was[key], now[key]) and not _refers(was[key]) and key.rpartition(".")[2] != "_target_":
                yield _override(key, was[key])


def _refers(value: Any) -> bool:
    return isinstance(value, str) and ("${" in value or redact.MASK in value)


def _override(key: str, value: Any) -> str:
    if isinstance(value, str):
        return override(key, value)
    # Numbers, truth values, null and lists of them are written alike in JSON and in Hydra's grammar.
    return f"{key}={json.dumps(value, separators=(',', ':'))}"
