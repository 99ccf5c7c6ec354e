"""A prepared run as one frozen object, passed to every stage and every callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning as L
from omegaconf import DictConfig, open_dict
from torch import nn

from netyard.config import catalog, schema
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint, run_features
from netyard.training.checkpoint import WholeFileIO
from netyard.training.performance import Choice


@dataclass(frozen=True)
class RunContext:
    """A prepared run; ``callbacks.attach.RunFacts`` is the part of it that callbacks may use."""

    config: Mapping[str, Any]
    """The resolved config as plain types, with the facts of the data in it."""
    choices: Mapping[str, Any]
    run_dir: RunDir
    datamodule: L.LightningDataModule
    task: L.LightningModule
    performance: Choice
    """Threads, precision, layout and compilation."""
    parameters: int
    began: float
    """``time.perf_counter()`` when the preparation began."""
    resumed_from: Path | None = None
    """The file of the state that training continues from."""
    resumed_step: int | None = None
    """Its optimizer step; 0 of a run that is resumed and had saved nothing, None of a new one."""
    checkpoint_io: WholeFileIO = field(default_factory=WholeFileIO)
    """Writes and reads checkpoints. It hands the resumed state out once, so that Lightning can free it."""

    @cached_property
    def checkpoint_contents(self) -> dict[str, Any]:
        """What each checkpoint holds besides Lightning's own: config and choices, without secrets."""
        return checkpoint.describe(self.config, self.choices)

    @cached_property
    def unchecked_metrics(self) -> dict[str, str]:
        """Monitored metrics other than the default monitor of the task, each with the config key that names it.

        One batch of validation before training checks that they are logged.
        """
        watched = {value: key for key, value in reversed([*schema.leaves(self.config)]) if key.endswith(".monitor")}
        own: dict[str, Any] = {}
        task = str(self.choices["task"])
        while "monitor" not in own and task:  # a variant inherits its monitor from the option in its defaults list
            own = catalog.option_file("task", task)
            task = next((str(each) for each in own.get("defaults", []) if each != "_self_"), "")
        watched.pop(own.get("monitor"), None)
        # A validation batch cannot show whether a training metric exists.
        return {str(name): key for name, key in watched.items() if not str(name).startswith("train/")}

    def feature_network(self, path: str) -> nn.Module:
        """Return the feature layers of another run's classifier, to score this run's generated images."""
        return run_features.feature_extractor(path, self.config["data"])


def resolve(cfg: DictConfig, datamodule: L.LightningDataModule, choices: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved config, with facts that only the data module has (the number of classes in a folder of images)."""
    with open_dict(cfg):
        cfg.data.update(datamodule.facts())
    return schema.resolve(cfg, choices)


def count_parameters(net: nn.Module) -> int:
    """The number of parameters of a network: frozen ones included, shared ones counted once."""
    return sum(parameter.numel() for parameter in net.parameters())
