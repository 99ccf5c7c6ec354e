"""The choices of conf/, instantiated as a run would do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from netyard.catalog import conf_dir


@pytest.fixture
def chosen() -> Callable[..., Any]:
    """``chosen("optimizer", "adam", lr=0.1)``: the file's node with overrides, instantiated."""

    def build(group: str, name: str, **overrides: Any) -> Any:
        node = OmegaConf.load(conf_dir() / group / f"{name}.yaml")
        root = OmegaConf.create({"task": {"mode": "min"}, "node": OmegaConf.merge(node, overrides)})
        return instantiate(root.node, _convert_="all")

    return build
