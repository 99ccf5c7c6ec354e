"""How many epochs a run has that was not told: ``trainer.max_epochs: auto``. Imports no torch.

A data set says how many epochs its size asks for, ``epochs`` in its file, and a family of networks how many times as
many it needs, ``epochs_factor`` in its file or in the row of a variant.
"""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, open_dict, read_write

from netyard.config import catalog
from netyard.errors import ConfigError

AUTO = "auto"
KEY = "epochs"
"""The key of a data set. It is no argument of its class, and a composed config does not have it."""
DEFAULT = 5
"""Epochs of data that say nothing, as those of other packages."""


def choose(config: DictConfig) -> None:
    """Write the number of epochs into a composed config in place of ``auto``.

    Raises:
        ConfigError: ``data.epochs`` is no number of epochs.
    """
    epochs = DEFAULT
    if KEY in (data := _node(config, "data")):
        epochs = data[KEY]
        if type(epochs) is not int or epochs < 1:
            raise ConfigError(
                f"data.epochs is {epochs!r};",
                "it is the number of epochs that a data set asks for, from 1;",
                "try trainer.max_epochs=10, which is that of this run.",
            )
        with read_write(data), open_dict(data):
            del data[KEY]
    trainer = _node(config, "trainer")
    # As written: what an interpolation leads to may be missing.
    written: Any = trainer._get_node("max_epochs", validate_access=False)
    if written is not None and written._value() == AUTO:
        with read_write(trainer):
            trainer.max_epochs = max(round(epochs * catalog.epochs_factor(_model(config))), min(epochs, DEFAULT))


def _node(config: DictConfig, group: str) -> DictConfig:
    """A group of a config; an empty one for what other checks refuse."""
    node: Any = config._get_node(group, validate_access=False)
    special = not isinstance(node, DictConfig) or node._is_none() or node._is_missing() or node._is_interpolation()
    return DictConfig({}) if special else node


def _model(config: DictConfig) -> str:
    return str(config.hydra.runtime.choices.get("model"))
