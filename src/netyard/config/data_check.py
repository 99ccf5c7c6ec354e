"""Check the user's files before torch is imported, if their data set has a check that needs none of it.

A data set in ``netyard.data.tables.csv_file`` may have a module ``csv_file_check`` beside it, which imports no torch.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from netyard.config import schema
from netyard.config.instantiate import as_texts


def check(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    """Read the files of a checked config, and see whether the task fits what is in them.

    Raises:
        DataError: a file is wrong or missing.
        ConfigError: the target does not fit the task.
    """
    resolved = schema.resolve(cfg, choices)
    module = str(resolved["data"].get("_target_")).rpartition(".")[0] + "_check"
    # Of other packages even the search for the module would import their code.
    if not module.startswith("netyard.data.") or importlib.util.find_spec(module) is None:
        return
    facts, correction = importlib.import_module(module).check(as_texts(resolved["data"]))
    if facts:
        known = cfg.copy()
        known.data.update(facts)
        schema.require_outputs(schema.resolve(known, choices), choices, correction)
