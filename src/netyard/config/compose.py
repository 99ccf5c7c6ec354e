"""Compose a config from overrides, through Hydra's public functions. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from netyard.config import by_task, catalog, hydra_internals
from netyard.config.hydra_guard import Guarded
from netyard.errors import ConfigError
from netyard.io.claim import create_unused
from netyard.io.readable import short_path

# Hydra's plugin for the search path takes no arguments, so that it reads the folders of --config-dir from here.
_FOLDERS: ContextVar[tuple[str, ...]] = ContextVar("_FOLDERS", default=())


@dataclass(frozen=True)
class Sources:
    """Where configs are read from: the values of Hydra's flags with these names."""

    config_dir: str | None = None
    """A folder that is searched in addition."""
    config_path: str | None = None
    """A folder that replaces ``conf/``."""
    config_name: str = "train"

    @property
    def flags(self) -> list[str]:
        """The flags for these sources in another process; absolute paths, because its working directory may differ."""
        named = [f"--config-dir={Path(self.config_dir).absolute()}"] if self.config_dir is not None else []
        if self.config_path is not None:
            inside = self.config_path.startswith("pkg://")
            named.append(f"--config-path={self.config_path if inside else Path(self.config_path).absolute()}")
        return named + ([f"--config-name={self.config_name}"] if self.config_name != "train" else [])


DEFAULT = Sources()
# The flags of the sources that are opened; absolute, as Hydra may change the working directory later.
_OPENED: ContextVar[tuple[str, ...]] = ContextVar("_OPENED", default=())


@contextlib.contextmanager
def reading(folders: tuple[str, ...] = ()) -> Iterator[None]:
    """Inside, Hydra finds the families' models and these folders, and checks the size of files before it parses them.

    Hydra's global state is restored afterwards: a program of the user may itself have been started by Hydra.
    """
    prepare()
    state = GlobalHydra.instance()
    before, state.hydra = state.hydra, None  # hydra.initialize_* refuses to run while another Hydra is initialised
    added = _FOLDERS.set(folders)
    try:
        with hydra_internals.measured_files():
            yield
    finally:
        _FOLDERS.reset(added)
        GlobalHydra.instance().hydra = before


@contextlib.contextmanager
def opened(sources: Sources = DEFAULT) -> Iterator[Any]:
    """Inside, ``hydra.compose`` reads these sources and returns checked configs; yields the ``Hydra`` object.

    Raises:
        ConfigError: ``config_dir`` is not a folder.
    """
    with reading(_existing(sources.config_dir)), _initialized(sources.config_path):
        app = GlobalHydra.instance().hydra
        assert app is not None  # set by hydra.initialize_*
        # Every config that Hydra composes from here on, also in a sweep, passes through the checks.
        hydra_internals.use_loader(app, Guarded(app.config_loader))
        before = _OPENED.set(tuple(sources.flags))
        try:
            yield app
        finally:
            _OPENED.reset(before)


def compose(overrides: Sequence[str], sources: Sources = DEFAULT) -> tuple[DictConfig, dict[str, Any]]:
    """The config that ``python train.py`` composes from these overrides, and the chosen option of each group."""
    with opened(sources):
        cfg = hydra.compose(sources.config_name, list(overrides), return_hydra_config=True)
    choices = choices_of(cfg.hydra)  # before the node is removed, which is no part of a run's config
    OmegaConf.set_struct(cfg, False)  # struct mode forbids deleting a key
    del cfg["hydra"]
    return cfg, choices


def prepare() -> None:
    """Register the families' models and netyard's resolvers, before Hydra composes."""
    # OpenMP's threads spin while they wait for each other: beside another busy program a network of two threads
    # becomes ten times slower. Read when torch is imported, so set here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    catalog.register()  # each time: a package may have been installed since
    OmegaConf.register_new_resolver("unclaimed", create_unused, replace=True)
    by_task.register()


def choices_of(hydra_cfg: Any) -> dict[str, Any]:
    """The chosen option of each of netyard's groups, from the node ``hydra`` of a config."""
    chosen = OmegaConf.to_container(hydra_cfg.runtime.choices)
    return {str(group): option for group, option in chosen.items() if group in catalog.GROUPS}  # type: ignore[union-attr]


def typed_flags() -> list[str]:
    """The flags of the sources that are opened, as they are typed to continue this run, with short paths."""
    flags = (each.partition("=") for each in _OPENED.get())
    places = ((flag, short_path(Path(value)) if value.startswith("/") else value) for flag, _, value in flags)
    return [shlex.quote(f"{flag}={value}") for flag, value in places]


def added_folders() -> tuple[str, ...]:
    """The folders that ``hydra_plugins.netyard.search_path`` adds to Hydra's search path."""
    return _FOLDERS.get()


def _initialized(config_path: str | None) -> contextlib.AbstractContextManager[None]:
    if config_path is not None and config_path.startswith("pkg://") and config_path != "pkg://netyard.conf":
        # A package that Hydra imports: require_arguments allows netyard's and Hydra's only.
        module = config_path.removeprefix("pkg://").replace("/", ".")
        return hydra.initialize_config_module(module, job_name="train", version_base="1.3")
    folder = catalog.conf_dir() if config_path in (None, "pkg://netyard.conf") else Path(str(config_path)).absolute()
    return hydra.initialize_config_dir(str(folder), job_name="train", version_base="1.3")


def _existing(folder: str | None) -> tuple[str, ...]:
    if folder is None:
        return ()
    if not Path(folder).is_dir():
        raise ConfigError(
            f"--config-dir is {folder}, which {'is a file' if Path(folder).exists() else 'does not exist'};",
            "it must be a folder with options of your own, DIR/model/mine.yaml for model=mine;",
            "check the path.",
        )
    return (str(Path(folder).absolute()),)
