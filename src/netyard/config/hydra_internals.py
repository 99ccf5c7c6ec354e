"""What netyard needs of Hydra that has no public way: all of it, and nothing outside of this file. Imports no torch.

Read in Hydra 1.3.8. ``tests/unit/config/test_hydra_internals.py`` says which of these a newer Hydra has moved.

* ``Hydra.multirun`` and ``show_cfg``, and ``Hydra.config_loader`` as an attribute. ``hydra.main`` makes its own
  ``Hydra`` and reads ``sys.argv``; a sweep needs the config checked before callbacks, sweeper and launcher are built
  of it, in this process and in those of launchers, which get the loader in their ``HydraContext``.
* ``Callbacks``: ``run_job`` is public and wants one.
* ``SourcesRegistry.types``: files that others wrote are measured before they are parsed, whichever search path they are
  found on. A plugin cannot take the place of the source for ``file://``.
* ``get_args_parser``: which flags there are.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins import file_config_source
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf

from netyard.config.catalog import conf_dir
from netyard.errors import ConfigError
from netyard.io import safe_yaml

OUR_PACKAGES = ("pkg://hydra.conf", "pkg://netyard.conf")


def parse_flags(words: Sequence[str]) -> argparse.Namespace:
    """Hydra's flags among these words, as attributes; ends the process with code 2 at a flag that Hydra lacks."""
    return get_args_parser().parse_args([*words])


def use_loader(app: Hydra, loader: ConfigLoader) -> None:
    """Have everything that this ``Hydra`` composes, and hands to sweepers and launchers, composed by that loader."""
    app.config_loader = loader


def callbacks_of(cfg: DictConfig) -> Callbacks:
    """The ``hydra.callbacks`` of a config that was checked, built."""
    return Callbacks(cfg)


def print_config(app: Hydra, config_name: str, overrides: Sequence[str], known: argparse.Namespace) -> None:
    """What ``--cfg``, with ``--package`` and ``--resolve``, prints."""
    app.show_cfg(config_name, [*overrides], known.cfg, known.package, known.resolve)


def print_debug_information(app: Hydra, config_name: str, overrides: Sequence[str]) -> None:
    """What Hydra says under ``hydra.verbose=true``; of ``hydra.verbose=[names]`` it sets the levels alone."""
    app.compose_config(config_name, [*overrides], RunMode.RUN, with_log_configuration=True)


def asks_for_sweep(app: Hydra, config_name: str, overrides: Sequence[str]) -> bool:
    """Whether ``hydra.mode: MULTIRUN`` stands in a file, where several values among the overrides forbid a run."""
    return bool(app.get_mode(config_name, [*overrides]) == RunMode.MULTIRUN)


def multirun(app: Hydra, config_name: str, task: TaskFunction, overrides: Sequence[str], logs: bool) -> Any:
    """What ``--multirun`` does; returns what the sweeper returns.

    Args:
        logs: set up ``hydra.hydra_logging``, which replaces the handlers of this process.
    """
    words = [*overrides, *(["hydra.mode=MULTIRUN"] if "hydra.mode=MULTIRUN" not in overrides else [])]
    return app.multirun(config_name, task, words, with_log_configuration=logs)


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's source of ``file://``, which measures a file before it is parsed; our own files are known.

    The name is Hydra's: its registry takes two sources of one scheme for the same if they have one name.
    """

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(self.path, self._normalize_file_name(config_path))
        if Path(self.path) == conf_dir() or not path.is_file():
            return super().load_config(config_path)
        text = safe_yaml.require(path)
        result = super().load_config(config_path)
        if "searchpath" in text and OmegaConf.is_dict(result.config):
            for key in ("hydra.searchpath", "searchpath"):
                require_folders(OmegaConf.select(result.config, key, throw_on_resolution_failure=False) or ())
        return result


def require_folders(places: Sequence[Any] | str) -> None:
    """Raises:
    ConfigError: a search path is a package, which Hydra would import.
    """
    for text in [places] if isinstance(places, str) else places:
        if "pkg://" in str(text) and not str(text).startswith(OUR_PACKAGES):
            raise ConfigError(
                f"configs are looked for in {text};",
                "pkg:// imports the package it names, and configs are read from folders;",
                "try --config-dir FOLDER.",
            )


@contextlib.contextmanager
def measured_files() -> Iterator[None]:
    """Inside, every file that Hydra reads is measured first."""
    types = SourcesRegistry.instance().types
    before = types.get("file")
    types["file"] = FileConfigSource
    try:
        yield
    finally:
        # Hydra looks for its plugins when it is first used, and found this scheme taken.
        SourcesRegistry.instance().types["file"] = before or file_config_source.FileConfigSource
