"""Checks of composed configs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from netyard.config import schema
from netyard.training.trainer_arguments import OWN_KEYS

# What is in the files, and not known before they are read.
FACTS = (
    "num_classes",
    "num_labels",
    "num_features",
    "vocab_size",
    "target_vocab_size",
    "sequence_length",
    "target_length",
)


def check_with_facts(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    """Check a config as before a run, as if its data had been read."""
    cfg.data.update({fact: 8 for fact in FACTS if fact in cfg.data and cfg.data[fact] is None})
    schema.check(cfg, choices)


def require_parameters_of_the_targets(cfg: DictConfig, group: str, name: str) -> None:
    """Every key is a parameter of what it configures, and no parameter without a default is left out."""
    for node in leaves(OmegaConf.to_container(cfg[group], resolve=False)) if group in cfg else ():
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            continue
        keys = {key for key in node if not key.startswith("_")}
        keys -= {*OWN_KEYS} if group == "trainer" else set()
        assert keys <= set(parameters), (
            f"{group}={name}: {keys - set(parameters)} are no parameters of {node['_target_']}"
        )
        required = {
            key
            for key, each in parameters.items()
            if each.default is inspect.Parameter.empty and each.kind is not inspect.Parameter.VAR_POSITIONAL
        }
        if not node.get("_partial_"):
            assert required <= keys, f"{group}={name}: {required - keys} are not given to {node['_target_']}"


def leaves(node: object) -> Iterator[dict[str, Any]]:
    """Every node of a config that names a target."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)
