"""Runs without a validation or a test split: ``data.val_fraction=0``, ``data.test_fraction=0``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import lightning as L

from netyard.config import schema
from netyard.errors import ConfigError
from netyard.tasks.interfaces import has_split

log = logging.getLogger(__name__)

_OF_ALL_RUNS = ("task.monitor", "callbacks.checkpoint.monitor")


def require_unmonitored(config: Mapping[str, Any], datamodule: L.LightningDataModule, in_sweep: bool) -> None:
    """Refuse what depends on a validation in a run that has none; say which epoch counts as the best.

    Raises:
        ConfigError: early stopping, a schedule, a threshold or a sweep needs the scores of a validation.
    """
    if has_split(datamodule, "val"):
        return
    for what, instead in _dependents(config, in_sweep):
        raise ConfigError(
            f"data.val_fraction is 0, and {what};",
            "without a validation there is no score to compare;",
            f"{instead}, or try data.val_fraction=0.1.",
        )
    log.info("without a validation %s is not logged; the last epoch counts as the best", config["task"]["monitor"])


def _dependents(config: Mapping[str, Any], in_sweep: bool) -> Iterator[tuple[str, str]]:
    for key, value in schema.leaves(config):
        if key.endswith(".monitor") and key not in _OF_ALL_RUNS and str(value).startswith("val/"):
            yield f"{key} is {value}", f"leave {key.split('.')[1]} out of callbacks"
    if str((config.get("scheduler") or {}).get("_target_")).lower().endswith("plateau"):
        yield "scheduler=plateau waits for a better score", "try scheduler=cosine"
    if isinstance(config["task"].get("threshold"), str):
        yield f"task.threshold={config['task']['threshold']} is chosen on validation", "try task.threshold=0.5"
    if in_sweep:
        yield "a sweep compares its runs by their validation", "train a single run"
