"""The sweepers of ``conf/hydra`` and the axes of a search, as their files have them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from netyard.config import catalog
from support.sweep_files import SWEEPERS, space_of, sweeper_of


@pytest.mark.parametrize(
    ("choice", "sweeper"),
    [("learning_rate", "Grid"), ("mlp_search", "Random"), ("[mlp_search,learning_rate]", "Random")],
)
def test_a_sweep_file_may_choose_its_sweeper(choice: str, sweeper: str):
    node = sweeper_of(f"sweep={choice}")
    assert node._target_ == f"hydra_plugins.netyard.sweeper.{sweeper}Sweeper"


def test_the_sweepers_agree_on_what_they_share():
    nodes: dict[str, dict[str, Any]] = {
        name: yaml.safe_load((Path(catalog.conf_dir()) / "hydra" / "sweeper" / f"{name}.yaml").read_text())
        for name in SWEEPERS
    }
    for key, value in nodes["grid"].items():
        if key != "_target_":
            assert nodes["random"][key] == nodes["optuna"][key] == value, key
    for key in ("num_trials", "seed"):
        assert nodes["random"][key] == nodes["optuna"][key]


def test_the_mlp_search_has_every_kind_of_axis():
    space, _ = space_of("mlp_search")
    described = space.describe()
    assert described["optimizer"] == "adam,adamw,nesterov"
    assert described["model.dropout"].startswith("range(0.0, 0.55")
    assert described["optimizer.lr when optimizer=adam"] == "tag(log, interval(0.0001, 0.1))"
    assert described["model.hidden_sizes,model.batch_norm"] == "[512] False; [256,256] False; [128,128,128] True"
    jobs = [" ".join(space.sample(random.Random(seed))) for seed in range(60)]
    assert all(("optimizer.momentum" in job) == ("optimizer=nesterov" in job) for job in jobs)
