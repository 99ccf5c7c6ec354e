"""Builds networks and other options of conf/ as a run does."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from omegaconf import OmegaConf

from netyard.config.catalog import conf_dir, variants

if TYPE_CHECKING:
    from torch import nn

load = cache(OmegaConf.load)


@pytest.fixture(scope="session")
def build() -> Callable[..., nn.Module]:
    """``build("resnet18", channels=1, image_size=8, num_outputs=10, dropout=0.1)``."""
    from hydra.utils import instantiate

    def build(name: str, channels: int = 1, image_size: int = 8, num_outputs: int = 10, **keys: Any) -> nn.Module:
        shape = [channels, image_size, image_size]
        root = OmegaConf.create(
            {
                "data": {"channels": channels, "image_size": image_size, "input_shape": shape},
                "task": {"num_outputs": num_outputs},
                "model": {key: value for key, value in {**variants()[name], **keys}.items() if key != "defaults"},
            }
        )
        return instantiate(root.model, _convert_="all")

    return build


@pytest.fixture
def chosen() -> Callable[..., Any]:
    """``chosen("optimizer", "adam", lr=0.1)``: the file's node with overrides, instantiated."""
    from hydra.utils import instantiate

    def build(group: str, name: str, **overrides: Any) -> Any:
        node = load(conf_dir() / group / f"{name}.yaml")
        root = OmegaConf.create({"task": {"mode": "min"}, "node": OmegaConf.merge(node, overrides)})
        return instantiate(root.node, _convert_="all")

    return build
