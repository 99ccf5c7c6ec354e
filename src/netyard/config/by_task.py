"""Values of a data set that depend on the task: ``image_size: ${by_task:224,null}``. Imports no torch.

The first is for tasks that predict a target of each sample, the second for tasks that learn the samples themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from netyard.config import constraints

RESOLVER = "by_task"
REQUIRED = "???"
"""The value of a key that has to be typed: ``${by_task:'???',null}``."""
_REFERENCE = re.compile(rf"\$\{{{RESOLVER}:")


def predicts(task: Mapping[str, Any]) -> bool:
    """Whether a task, by its node, needs a target of each sample: its number of outputs may not be null."""
    if "num_outputs" not in task.keys():  # noqa: SIM118  (``in`` follows interpolations, which may be null)
        return False
    known = constraints.of(str(task.get("_target_"))).get("num_outputs")
    return known is None or not known.null


def choose(predicting: Any, otherwise: Any, *, _root_: DictConfig) -> Any:
    """The resolver: one of both values, by the task of the config."""
    task = _root_.get("task")
    return predicting if not isinstance(task, DictConfig) or predicts(task) else otherwise


def image_shape(channels: int | None, image_size: Any) -> list[int | None]:
    """A second resolver, ``${image_shape:${data.channels},${data.image_size}}``: the shape of an image (C, H, W).

    Args:
        channels, image_size: null before the data are read.
    """
    sides = list(image_size) if isinstance(image_size, ListConfig | list | tuple) else [image_size, image_size]
    return [channels, *sides]


def register() -> None:
    """Make both resolvers known to OmegaConf."""
    OmegaConf.register_new_resolver(RESOLVER, choose, replace=True)
    OmegaConf.register_new_resolver("image_shape", image_shape, replace=True)


def chosen_keys(node: DictConfig) -> list[str]:
    """The keys of a node whose values depend on the task, and were not typed."""
    raw = OmegaConf.to_container(node, resolve=False)
    assert isinstance(raw, dict)
    return [str(key) for key, value in raw.items() if isinstance(value, str) and _REFERENCE.match(value)]


def keep(cfg: DictConfig, recorded: Mapping[str, Any]) -> None:
    """Write what the data of a resumed run were begun with in place of values that depend on the task.

    Args:
        cfg: the composed config.
        recorded: the config in the run's checkpoint.
    """
    known = recorded.get("data") or {}
    defaults = constraints.defaults_of(str(cfg.data.get("_target_")))
    with open_dict(cfg):
        for key in chosen_keys(cfg.data):
            cfg.data[key] = known[key] if key in known else defaults.get(key)
