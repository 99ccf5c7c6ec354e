"""The options of ``hydra/launcher=local``."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.netyard.launcher import LocalLauncher
from netyard.errors import ArgumentError

OPTIONS: dict[str, Any] = {
    "devices": "auto",
    "jobs_per_device": "auto",
    "devices_per_job": 1,
    "timeout": None,
    "retries": 0,
    "max_failures": None,
    "fail_fast": False,
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"devices": 2},
        {"devices": OmegaConf.create([0, 2])},
        {"devices": "cpu", "jobs_per_device": 3},
        {"timeout": 2.5},
    ],
    ids=str,
)
def test_options_are_passed_on(given: dict[str, Any]) -> None:
    launcher = LocalLauncher(**OPTIONS | given)
    assert {**launcher.pool_options, **launcher.failure_policy} == OPTIONS | given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"jobs_per_device": 0}, "try launcher.jobs_per_device=1."),
        ({"jobs_per_device": "many"}, "it must be a whole number at least 1, or auto; try launcher.jobs_per_device=1."),
        ({"devices_per_job": 0}, "try launcher.devices_per_job=1."),
        ({"devices": -1}, "try launcher.devices=1."),
        ({"timeout": -1}, "it must be a number above 0, or null; "),
        ({"retries": None}, "retries is null; it must be a whole number at least 0; "),
        ({"fail_fast": 2}, "fail_fast is 2; it must be true or false; "),
    ],
    ids=str,
)
def test_an_option_outside_its_range_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        LocalLauncher(**OPTIONS | given)
    assert said in str(refused.value)
