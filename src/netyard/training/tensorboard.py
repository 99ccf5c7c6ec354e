"""What TensorBoard's HPARAMS tab shows of a run: columns that every run has, and the axes of its sweep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from netyard.io import redact
from netyard.runs.directory import RunDir

CHOSEN = ("model", "data", "task", "loss", "optimizer", "scheduler", "augmentation")
MISSING = "-"


def log_hyperparameters(
    logger: Logger | None, config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any], path: Path
) -> None:
    """One row of the tab: what was chosen, with the objective and the test's metrics.

    The metrics have tags of their own: written under a curve's tag they would cut the curve. They are a step behind the
    last one, so that a run killed after this draws them anew and not twice.
    """
    if not isinstance(logger, TensorBoardLogger):
        return
    columns = redact.tree({**columns_of_a_run(config, choices, results), **columns_of_a_sweep(config, choices, path)})
    scores = {f"hp/{name}": value for name, value in results["metrics"].items() if not name.startswith("train/")}
    logger.log_hyperparams(columns, {"hp/objective": results["objective"]["value"], **scores}, results["steps"] + 1)
    logger.finalize("success")


def columns_of_a_run(
    config: Mapping[str, Any], choices: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, str | float]:
    """Those that every run has."""
    return {group: str(choices.get(group)) for group in CHOSEN} | {
        "lr": float(config["optimizer"]["lr"]),
        "weight_decay": float(config["optimizer"].get("weight_decay") or 0.0),
        "batch_size": int(config["data"]["batch_size"]),
        "max_epochs": int(config["trainer"]["max_epochs"] or -1),
        "seed": int(config["seed"]),
        "parameters": int(results["parameters"]),
    }


def columns_of_a_sweep(config: Mapping[str, Any], choices: Mapping[str, Any], path: Path) -> dict[str, str | float]:
    """The keys that the sweep varies, which ``job.json`` in the run's directory names; none of a run by itself.

    TensorBoard takes the columns from whichever run it finds first and shows no others, so every job has all of them:
    ``-`` for a key that this job's choices do not have.
    """
    axes = RunDir(path).job().get("axes", [])
    return {axis: _value(config, choices, axis) for axis in axes if axis not in (*CHOSEN, "seed")}


def _value(config: Mapping[str, Any], choices: Mapping[str, Any], key: str) -> str | float:
    node: Any = choices if key in choices else config
    for name in (key,) if key in choices else key.split("."):
        node = node[name] if isinstance(node, Mapping) and name in node else MISSING
    if isinstance(node, int | float) and not isinstance(node, bool):
        return node
    return node if isinstance(node, str) else json.dumps(node)
