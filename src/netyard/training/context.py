"""A prepared run as one frozen object, which every stage of ``training.fit`` and every callback reads."""

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

ENVIRONMENT_FACTS = ("input_shape", "num_actions", "observation_parts", "action_masks", "max_episode_steps")
"""Keys of ``data`` that are read from an environment once."""


@dataclass(frozen=True)
class RunContext:
    """A prepared run; callbacks see the subset of it that ``callbacks.attach.RunFacts`` declares."""

    config: Mapping[str, Any]
    """The resolved config as plain types, with the values that only the data has (``num_classes``, ...)."""
    choices: Mapping[str, Any]
    """The chosen option of each config group."""
    run_dir: RunDir
    datamodule: L.LightningDataModule
    task: L.LightningModule
    performance: Choice
    """Threads, precision, memory layout and compilation."""
    parameters: int
    """The number of parameters of the network."""
    started: float
    """``time.perf_counter()`` when the preparation started."""
    data_summary: Mapping[str, Any] = field(default_factory=dict)
    """What was read: see ``DataModule.summary``."""
    resumed_from: Path | None = None
    """The checkpoint that training continues from."""
    resumed_step: int | None = None
    """The optimizer step of that checkpoint; 0 if the resumed run had saved none; None for a new run."""
    checkpoint_io: WholeFileIO = field(default_factory=WholeFileIO)
    """Writes and reads checkpoints. It returns the resumed state only once, so that Lightning can free it."""

    @cached_property
    def checkpoint_contents(self) -> dict[str, Any]:
        """What each checkpoint contains besides Lightning's own entries: config and choices, without secrets."""
        return checkpoint.describe(self.config, self.choices)

    @cached_property
    def unchecked_metrics(self) -> dict[str, str]:
        """Monitored metrics that only the user has named, each with the config key that names it.

        The default monitor of a task is known to be logged. Any other name may be misspelled, so one validation batch
        before training checks that these are logged.
        """
        # Reversed: if several keys name one metric, the first of them is reported.
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
    """Return the resolved config, with the values that only the data module has, as the classes found in a folder."""
    # Before resolving: the model's config refers to these values, as num_classes: ${data.num_classes}.
    with open_dict(cfg):
        cfg.data.update(datamodule.facts())
    return schema.resolve(cfg, choices)


def keep_facts(cfg: DictConfig, recorded: Mapping[str, Any]) -> None:
    """Give a resumed run the facts of its environment, as recorded, where the config leaves them open.

    Read anew they could differ: a run of an earlier version saw its observations in another shape, and the scale of an
    environment that takes no seed is another each time.
    """
    if "num_actions" not in cfg.data:
        return
    with open_dict(cfg):
        for key in ENVIRONMENT_FACTS:
            if not cfg.data.get(key) and recorded.get(key) is not None:
                cfg.data[key] = recorded[key]


def count_parameters(net: nn.Module) -> int:
    """Count the parameters of a network: frozen ones included, shared ones once."""
    return sum(parameter.numel() for parameter in net.parameters())  # parameters() yields a shared tensor once
