"""A node of a sweeper that was written for a plugin of Hydra."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.config.sweeper_files import require_own
from netyard.errors import ConfigError

OURS = "hydra_plugins.netyard.sweeper.OptunaSweeper"
OTHERS = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": OTHERS, "params": {}}, "leave out _target_"),
        ({"_target_": OURS, "n_trials": 20}, "for n_trials write num_trials: 20"),
        ({"_target_": OURS, "direction": "maximize"}, "objectives: [METRIC:max]"),
        ({"_target_": OURS, "sampler": {"_target_": "optuna.samplers.TPESampler"}}, "write its name, sampler: tpe"),
    ],
)
def test_each_key_of_a_plugin_is_answered(node: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        require_own(node, allowed=False)
    assert said in error.value.type_this


@pytest.mark.parametrize(
    ("node", "allowed"),
    [
        (None, False),
        ({"_target_": OURS, "num_trials": 20, "sampler": "tpe", "params": {"n_trials": "1,2"}}, False),
        ({"_target_": OTHERS, "n_trials": 20}, True),
        ({"_target_": "my_package.Sweeper", "n_trials": 20}, False),
    ],
)
def test_own_keys_and_allowed_classes_pass(node: Any, allowed: bool) -> None:
    require_own(node, allowed)
