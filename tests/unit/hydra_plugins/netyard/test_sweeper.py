"""The options that all sweepers have."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.netyard.sweeper import GridSweeper
from netyard.errors import ArgumentError

OPTIONS: dict[str, Any] = {
    "params": {},
    "when": {},
    "together": [],
    "keep": None,
    "batch_size": None,
    "resume": False,
    "objectives": None,
}


def test_nodes_of_a_config_are_taken() -> None:
    given = {"params": {"seed": "1,2"}, "together": [{"seed": [1, 2]}], "objectives": ["val/loss:min"], "keep": 0}
    sweeper = GridSweeper(**OPTIONS | {name: OmegaConf.create({"x": value}).x for name, value in given.items()})
    assert sweeper.objectives == ["val/loss:min"] and sweeper.keep == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keep": -1}, "keep is -1; it must be a whole number at least 0, or null; "),
        ({"batch_size": 0}, "try sweep.batch_size=1."),
        ({"objectives": "val/loss:min"}, "it must be a list"),
        ({"params": [1]}, "params is [1]; it must be a mapping"),
    ],
    ids=str,
)
def test_an_option_outside_its_range_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        GridSweeper(**OPTIONS | given)
    assert said in str(refused.value)
