"""The config that overrides make. Knows no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from netyard.config import catalog
from netyard.io.claim import unclaimed


def compose(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
    """What ``python train.py`` would make of these overrides: the config, and the option of each group."""
    prepare()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(catalog.conf_dir())):
        cfg = hydra.compose("train", list(overrides), return_hydra_config=True)
    choices = choices_of(cfg.hydra)
    OmegaConf.set_struct(cfg, False)
    del cfg["hydra"]
    return cfg, choices


def prepare() -> None:
    """What Hydra has to know before it composes: the families' models, and where a new run may write."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors reach us whole, and explain() words them
    # OpenMP's threads spin while they wait for each other: beside another busy program a network of two threads
    # becomes ten times slower. Read when torch is imported, so set here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Hydra 1.3 composes everything once more to learn whether a file asks for a sweep; a fifth of a second each time.
    Hydra.get_mode = lambda self, config_name, overrides: None  # type: ignore[method-assign]
    catalog.register()
    OmegaConf.register_new_resolver("unclaimed", unclaimed, replace=True)


def choices_of(hydra_cfg: Any) -> dict[str, Any]:
    chosen = OmegaConf.to_container(hydra_cfg.runtime.choices)
    return {str(group): option for group, option in chosen.items() if group in catalog.GROUPS}  # type: ignore[union-attr]
