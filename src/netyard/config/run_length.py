"""How many epochs a run has that was not told: ``trainer.max_epochs: auto``. Imports no torch.

A data set says how many epochs its size asks for, ``epochs`` in its file, and a family of networks how many times as
many it needs, ``epochs_factor`` in its file or in the row of a variant.
"""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

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
    given = "max_epochs" in trainer and not OmegaConf.is_interpolation(trainer, "max_epochs")
    if given and trainer.max_epochs == AUTO:
        with read_write(trainer):
            trainer.max_epochs = max(round(epochs * catalog.epochs_factor(_model(config))), min(epochs, DEFAULT))


def _node(config: DictConfig, group: str) -> DictConfig:
    """A group of a config; an empty one for what other checks refuse."""
    told = group in config and not OmegaConf.is_interpolation(config, group)  # ??? is not in it
    node = config[group] if told else None
    return node if isinstance(node, DictConfig) else DictConfig({})


def _model(config: DictConfig) -> str:
    return str(config.hydra.runtime.choices.get("model"))
