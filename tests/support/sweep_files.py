"""The files of ``conf/sweep``, composed as ``python train.py -m`` composes them, and read as search spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from netyard.config.compose import opened
from netyard.sweeps.search.space import Space

SWEEPERS = ("grid", "random", "optuna")


def sweeper_of(*overrides: str) -> DictConfig:
    """Return the node of the sweeper."""
    with opened() as app:
        return _composed(app, overrides)


def space_of(name: str, *overrides: str) -> tuple[Space, DictConfig]:
    """Return the search space of a sweep file, read by a parser that knows the tree, and the node of the sweeper."""
    with opened() as app:
        node, parser = _composed(app, [f"sweep={name}", *overrides]), OverridesParser.create(app.config_loader)
        chosen = (node.params, node.get("when", {}), node.get("together", []))
        return Space.parse(parser, *chosen, [f"sweep={name}"]), node


def _composed(app: Any, overrides: Sequence[str]) -> DictConfig:
    return app.config_loader.load_configuration("train", [*overrides], RunMode.MULTIRUN).hydra.sweeper
