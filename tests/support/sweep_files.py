"""The files of ``conf/sweep``, composed as ``python train.py -m`` composes them, and read as search spaces."""

from __future__ import annotations

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from netyard.config import catalog, compose
from netyard.sweeps.search.space import Space

SWEEPERS = ("grid", "random", "optuna")


def composed(*overrides: str) -> tuple[DictConfig, OverridesParser]:
    """The sweeper's node, as ``python train.py -m`` makes it, and a parser that knows the tree."""
    compose.prepare()
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(catalog.conf_dir())):
        loader = GlobalHydra.instance().config_loader()
        cfg = loader.load_configuration("train", [*overrides], RunMode.MULTIRUN)
    return cfg.hydra.sweeper, OverridesParser.create(config_loader=loader)


def space_of(node: DictConfig, parser: OverridesParser, name: str) -> Space:
    return Space.parse(parser, node.params, node.get("when", {}), node.get("together", []), [f"sweep={name}"])
