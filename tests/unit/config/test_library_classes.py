"""The classes of torch and Lightning that need no flag are there, and are what they are listed as."""

from __future__ import annotations

import importlib

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import Logger

from netyard.config import allowlist, library_classes
from netyard.errors import ConfigError

KINDS = {
    "torch.nn": torch.nn.Module,
    "torch.optim": torch.optim.Optimizer,
    "lightning.pytorch.callbacks": L.Callback,
    "lightning.pytorch.loggers": Logger,
}


@pytest.mark.parametrize("module", KINDS)
def test_each_is_a_class_of_its_kind(module: str) -> None:
    names = [name.rpartition(".")[2] for name in library_classes.CLASSES if name.rpartition(".")[0] == module]
    found = importlib.import_module(module)
    assert names and all(issubclass(getattr(found, name), KINDS[module]) for name in names)
    allowlist.require({"a": [{"_target_": f"{module}.{name}"} for name in names]})


def test_every_class_is_of_one_of_the_modules() -> None:
    assert {name.rpartition(".")[0] for name in library_classes.CLASSES} == {*KINDS}


@pytest.mark.parametrize(
    "name",
    [
        "torch.hub.load",
        "torch.load",
        "torch.nn.Module.load_state_dict",
        "torch.nn.Linear.__init__",
        "torch.nn.modules.linear.Linear",
        "torch.nn.Adam",
        "torch.optim.optimizer.os.system",
        "lightning.pytorch.loggers.WandbLogger",
        "lightning.pytorch.callbacks.LambdaCallback",
        "lightning.pytorch.cli.LightningCLI",
    ],
)
def test_all_else_of_these_packages_needs_the_flag(name: str) -> None:
    with pytest.raises(ConfigError, match=f"which netyard does not offer; .*add --allow-target {name}"):
        allowlist.require({"_target_": name})
