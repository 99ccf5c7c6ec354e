"""Names of before stand for what they became, and every class that a run of version 0.1 could name is still there."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from netyard.config import allowlist, renamed
from netyard.config.instantiate import build

OLD = {
    "_target_": "netyard.data.csv_file.CsvFile",
    "nodes": [{"_target_": "netyard.callbacks.checkpoint.BestAndLast"}, {"_target_": "netyard.models.mlp.MLP"}],
    "path": "netyard.data.csv_file.CsvFile",
}


def test_a_recorded_config_names_what_there_is_now() -> None:
    new = renamed.config(OLD)
    assert new["_target_"] == "netyard.data.tables.csv_file.CsvFile"
    assert [node["_target_"] for node in new["nodes"]] == [
        "netyard.callbacks.best_and_last.BestAndLast",
        "netyard.models.mlp.MLP",
    ]
    assert new["path"] == OLD["path"], "a value that is no target stays"
    assert OLD["_target_"] == "netyard.data.csv_file.CsvFile", "a copy"


def test_text_is_brought_up_to_date_as_the_config_is() -> None:
    recorded = "data:\n  _target_: netyard.data.fake.FakeData\n  path: netyard.data.fake.FakeData\n"
    assert renamed.text(recorded) == recorded.replace(
        "_target_: netyard.data.fake", "_target_: netyard.data.images.fake"
    )


def test_a_file_that_netyard_carries_now_is_found_there() -> None:
    recorded = {"data": {"package": "statsmodels", "path": "datasets/sunspots/sunspots.csv", "column": "SUNACTIVITY"}}
    here = {"data": {"package": "netyard", "path": "data/series/sunspots.csv", "column": "SUNACTIVITY"}}
    assert renamed.config(recorded) == here
    assert renamed.text(yaml.safe_dump(recorded)) == yaml.safe_dump(here)
    own = {"package": "statsmodels", "path": "datasets/nile/nile.csv"}
    assert renamed.config(own) == own


@pytest.mark.parametrize(
    ("config", "now"), [({"augmentation": {}}, "auto"), ({"augmentation": {"crop": False}}, "none"), ({}, "none")]
)
def test_no_augmentation_was_what_the_data_ask_for(config: dict[str, Any], now: str) -> None:
    assert renamed.choices({"augmentation": "none", "model": "cnn"}, config) == {"augmentation": now, "model": "cnn"}
    assert renamed.overrides(["augmentation=none", "seed=1"], config) == [f"augmentation={now}", "seed=1"]


@pytest.mark.parametrize(("old", "new"), renamed.MODULES.items())
def test_what_moved_is_gone_there_and_here(old: str, new: str) -> None:
    assert importlib.import_module(new)
    parent = find_spec(old.rpartition(".")[0])
    # A package may have taken the name of a module, as netyard.data.text has.
    assert parent is None or find_spec(old) is None or hasattr(importlib.import_module(old), "__path__")


def test_an_old_name_is_allowed_and_built() -> None:
    node = {"_target_": "netyard.data.scikit.ScikitData", "dataset": "iris"}
    allowlist.require(node)
    assert type(build(node, num_classes=3, batch_size=8)).__module__ == "netyard.data.tables.scikit"


def test_a_class_of_another_package_has_a_successor() -> None:
    node = {"_target_": "lightning.pytorch.loggers.TensorBoardLogger", "name": "", "save_dir": "x"}
    allowlist.require(node)
    assert type(build(node)).__name__ == "BufferedTensorBoardLogger"
    assert renamed.text("logger:\n  _target_: lightning.pytorch.loggers.TensorBoardLogger\n").count("netyard.") == 1
