"""Answer a node ``hydra.sweeper`` that was written for Hydra's own plugins, as in many projects. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netyard.errors import ConfigError

_OTHERS = ("hydra_plugins.hydra_optuna_sweeper.", "hydra_plugins.hydra_ax_sweeper.", "hydra_plugins.hydra_nevergrad_")
_EQUIVALENTS = {  # key of a plugin -> what a file has instead
    "n_trials": "num_trials: {}",
    "n_jobs": "hydra.launcher.jobs_per_device: {}",
    "max_batch_size": "batch_size: {}",
    "direction": "objectives: [METRIC:max] or nothing, for the task knows its metric",
    "max_failure_rate": "nothing, for a failed job ends no sweep",
    "search_space": "params",
    "custom_search_space": "when",
    "ax_config": "num_trials and params",
    "optim": "num_trials and sampler",
    "parametrization": "params",
}


def require_own(sweeper: Mapping[str, Any] | None, allowed: bool) -> None:
    """Refuse the keys of a plugin that is not used here.

    Args:
        sweeper: the node, with the keys of files and of the command line.
        allowed: whether the user has allowed the class of the plugin.

    Raises:
        ConfigError: with what the file has to have instead.
    """
    node = dict(sweeper or {})
    target = str(node.get("_target_", ""))
    foreign = target.startswith(_OTHERS)
    keys = [key for key in node if key in _EQUIVALENTS]
    kinds = [name for name in ("sampler", "pruner") if isinstance(node.get(name), Mapping)]
    if allowed or not (foreign or (target.startswith("hydra_plugins.netyard.") and (keys or kinds))):
        return
    found = [f"for {key} write {_EQUIVALENTS[key].format(node[key])}" for key in keys]
    found += [
        f"for the class of the {name} write its name, {name}: {'tpe' if name == 'sampler' else 'median'}"
        for name in kinds
    ]
    raise ConfigError(
        f"hydra.sweeper has {', '.join(['_target_'] * foreign + keys + kinds)}, settings of a plugin of Hydra;",
        "netyard has its own sweepers, as 'override /hydra/sweeper: optuna', with num_trials, params and others;",
        f"{', '.join([*['leave out _target_'] * foreign, *found])}.",
    )
