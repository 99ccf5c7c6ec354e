"""All uses of private names of Hydra and OmegaConf, for which there is no public interface. Imports no torch.

Written for Hydra 1.3.8. ``tests/unit/config/test_hydra_internals.py`` fails where a newer Hydra has moved one.

* ``Hydra.multirun`` and ``show_cfg``, and ``Hydra.config_loader`` as an attribute. ``hydra.main`` creates its own
  ``Hydra`` and reads ``sys.argv``; in a sweep the config has to be checked before callbacks, sweeper and launcher are
  built from it, in this process and in those of launchers, which get the loader in their ``HydraContext``.
* ``Callbacks``: an argument of ``run_job``, which is public.
* ``SourcesRegistry.types``: the size of files is checked before they are parsed, on every search path, and parsed files
  of netyard and Hydra are kept. A plugin cannot replace the sources for ``file://`` and ``pkg://``.
* ``_create_interpolation_map`` and OmegaConf's ``parse``: a config of every known choice is made for each file that is
  read, though no option of ours has an interpolation in its name, and each interpolation is parsed as often as it is
  read. Both together are a third of composing.
* ``get_args_parser``: the flags of Hydra, and ``_option_string_actions`` of Python's own parser.
* ``get_omega_conf_dumper``: ``OmegaConf.to_yaml`` takes only configs, and a config made of a masked tree for it alone
  takes longer than all else that writes ``.hydra/``.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import pickle
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import omegaconf.base
import yaml
from hydra._internal import defaults_list
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins import file_config_source, importlib_resources_config_source
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_omega_conf_dumper

from netyard.config.catalog import conf_dir
from netyard.errors import ConfigError
from netyard.io import redact, safe_yaml

# Pickled ConfigResults: of a file in netyard's own conf/ by its path, time of change and size; of a file of Hydra's own
# package by its name, because it does not change while a process runs.
_parsed: dict[Hashable, bytes] = {}

OUR_PACKAGES = ("pkg://hydra.conf", "pkg://netyard.conf")

_interpolations_of_hydra = defaults_list._create_interpolation_map
_parsed_interpolation = functools.lru_cache(4096)(omegaconf.base.parse)  # the trees are only read


def parse_flags(words: Sequence[str]) -> argparse.Namespace:
    """Hydra's flags among these words, as attributes; exits with code 2 at an unknown flag."""
    return get_args_parser().parse_args([*words])


@functools.cache
def flags() -> dict[str, tuple[bool, tuple[str, ...]]]:
    """Hydra's flags: whether each may have a value, and all of its values, if they can be listed."""
    actions = get_args_parser()._option_string_actions.items()
    return {name: (action.nargs != 0, tuple(action.choices or ())) for name, action in actions}


def use_loader(app: Hydra, loader: ConfigLoader) -> None:
    """Make this ``Hydra`` compose configs with that loader, and pass it on to sweepers and launchers."""
    app.config_loader = loader


def callbacks_of(cfg: DictConfig) -> Callbacks:
    """Build the ``hydra.callbacks`` of a config, which has to be checked before."""
    return Callbacks(cfg)


def print_config(app: Hydra, config_name: str, overrides: Sequence[str], known: argparse.Namespace) -> None:
    """Print the config, as ``--cfg`` with ``--package`` and ``--resolve`` does."""
    app.show_cfg(config_name, [*overrides], known.cfg, known.package, known.resolve)


def print_debug_information(app: Hydra, config_name: str, overrides: Sequence[str]) -> None:
    """Print what Hydra prints with ``hydra.verbose=true``; ``hydra.verbose=[names]`` only sets levels of loggers."""
    app.compose_config(config_name, [*overrides], RunMode.RUN, with_log_configuration=True)


def asks_for_sweep(app: Hydra, config_name: str, overrides: Sequence[str]) -> bool:
    """Whether a file sets ``hydra.mode: MULTIRUN``; for overrides with several values, which no run can have."""
    return bool(app.get_mode(config_name, [*overrides]) == RunMode.MULTIRUN)


def multirun(app: Hydra, config_name: str, task: TaskFunction, overrides: Sequence[str], logs: bool) -> Any:
    """Run a sweep as ``--multirun`` does; returns what the sweeper returns.

    Args:
        logs: set up ``hydra.hydra_logging``, which replaces the handlers of this process.
    """
    # Hydra's own entry point adds this override, too; sweepers and the config they see depend on it.
    words = [*overrides, *(["hydra.mode=MULTIRUN"] if "hydra.mode=MULTIRUN" not in overrides else [])]
    return app.multirun(config_name, task, words, with_log_configuration=logs)


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's source for ``file://``, with a check of the size of each file before it is parsed, except netyard's own.

    The class has the name of Hydra's: the registry accepts a second source of a scheme only if the names are equal.
    """

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(self.path, self._normalize_file_name(config_path))
        if not path.is_file():
            return super().load_config(config_path)
        if Path(self.path) == conf_dir():  # trusted
            return self._load_cached(config_path, path)
        text = safe_yaml.require(path)
        result = super().load_config(config_path)
        # A file may extend the search path, which Hydra follows while it composes, before the config can be checked.
        if "searchpath" in text and OmegaConf.is_dict(result.config):
            for key in ("hydra.searchpath", "searchpath"):  # a file of the group hydra has it without the prefix
                require_folders(OmegaConf.select(result.config, key, throw_on_resolution_failure=False) or ())
        return result

    def _load_cached(self, config_path: str, path: Path) -> ConfigResult:
        # A run reads two dozen files, the jobs of a sweep the same ones again: parsing them is a quarter of composing.
        status = path.stat()
        return _parsed_once((path, status.st_mtime_ns, status.st_size), super().load_config, config_path)


def _parsed_once(key: Hashable, load: Callable[[str], ConfigResult], config_path: str) -> ConfigResult:
    if key not in _parsed:
        _parsed[key] = pickle.dumps(load(config_path))
    # Hydra changes the config that it gets, so each gets its own; unpickling takes a tenth of the time of deepcopy.
    return pickle.loads(_parsed[key])


def masked_yaml(config: Any) -> str:
    """Return a config as YAML for a file, as ``OmegaConf.to_yaml`` does, but with secrets masked."""
    settings: dict[str, Any] = {"default_flow_style": False, "allow_unicode": True, "sort_keys": False}
    return str(yaml.dump(redact.container(config), Dumper=get_omega_conf_dumper(), **settings))


class ImportlibResourcesConfigSource(importlib_resources_config_source.ImportlibResourcesConfigSource):
    """Hydra's source for ``pkg://``, which parses each file of Hydra's own package once; named as Hydra's class is."""

    def load_config(self, config_path: str) -> ConfigResult:
        if self.path != "hydra.conf":
            return super().load_config(config_path)
        return _parsed_once(config_path, super().load_config, config_path)


def require_folders(places: Sequence[Any] | str) -> None:
    """Raises:
    ConfigError: a search path is a package, which Hydra would import and so execute.
    """
    # A single text, or a list; Hydra accepts both.
    for text in [places] if isinstance(places, str) else places:
        if "pkg://" in str(text) and not str(text).startswith(OUR_PACKAGES):
            raise ConfigError(
                f"{text} is a search path of configs;",
                "pkg:// would import a package, and configs are only read from folders;",
                "try --config-dir FOLDER.",
            )


def _interpolation_map(overrides: Any, defaults_list: list[Any], self_added: bool) -> DictConfig:
    """The choices that an interpolation in this defaults list may name; none without an interpolation."""
    if not any(each.is_interpolation() for each in defaults_list if not each.is_self()):
        return OmegaConf.create()
    return _interpolations_of_hydra(overrides, defaults_list, self_added)


@contextlib.contextmanager
def measured_files() -> Iterator[None]:
    """Inside, the size of every file that Hydra reads is checked first, and what was parsed is kept."""
    sources: list[tuple[type[ConfigSource], type[ConfigSource]]] = [
        (file_config_source.FileConfigSource, FileConfigSource),
        (importlib_resources_config_source.ImportlibResourcesConfigSource, ImportlibResourcesConfigSource),
    ]
    types = SourcesRegistry.instance().types
    before = {ours.scheme(): types.get(ours.scheme(), hydras) for hydras, ours in sources}
    types.update({ours.scheme(): ours for _, ours in sources})
    parse, create_map = omegaconf.base.parse, defaults_list._create_interpolation_map
    omegaconf.base.parse = _parsed_interpolation
    defaults_list._create_interpolation_map = _interpolation_map
    try:
        yield
    finally:
        omegaconf.base.parse, defaults_list._create_interpolation_map = parse, create_map
        # If Hydra was first used inside, it found these schemes registered, and its own sources are in `before` alone.
        SourcesRegistry.instance().types.update(before)
