"""Check what Hydra itself would unpickle, import or build before a run starts. Imports no torch.

Hydra builds its launcher, sweeper, callbacks and logging, and sets environment variables, from the same config that
overrides and files can change; ``allowlist`` explains why such a config is not trusted. Every config is composed by a
``Guarded`` loader, which launchers pickle for their own processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from netyard.config import allowlist, run_length, sweeper_files
from netyard.config.fitting import overrides_for
from netyard.config.hydra_internals import parse_flags, require_folders
from netyard.config.overrides import free_keys_added
from netyard.errors import CheckpointError, ConfigError
from netyard.io.process import train_command

LOGGING = (  # the classes in the files of hydra/job_logging and hydra/hydra_logging, of Hydra and of netyard
    "netyard.io.redact.Formatter",
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "colorlog.ColoredFormatter",
)
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
_OUTPUT_SUBDIR = "output_subdir_of_netyard"  # the key under hydra that keeps the folder's name meanwhile


def require_arguments(flags: Sequence[str], overrides: Sequence[str]) -> None:
    """Refuse flags and overrides with which Hydra would unpickle a file or import a package.

    Raises:
        ConfigError: there is one among the flags or overrides.
        CheckpointError: there is a flag among the overrides that a run or sweep has recorded.
    """
    # Overrides of a resumed run come from its files, where anybody may have written a flag.
    if hidden := next((text for text in overrides if text.startswith("-")), None):
        raise CheckpointError(
            f"a recorded override is {hidden};",
            "the overrides of a run are key=value, and not flags;",
            "remove it from .hydra/overrides.yaml, and find out who wrote it.",
        )
    # Command.__call__ has removed this flag from what the user typed, so that one here is from a file.
    if granted := next((text for text in flags if text.startswith(allowlist.FLAG)), None):
        raise CheckpointError(
            f"sweep.json holds {granted};",
            f"{allowlist.FLAG} counts only on the command line, not in a file;",
            "add it to the command if you trust that code.",
        )
    known = parse_flags(flags)  # by Hydra's own parser: it also accepts abbreviations such as --config-d
    if known.experimental_rerun is not None:
        raise ConfigError(
            "--experimental-rerun unpickles a file, which may execute any code;",
            "a run is resumed from its own directory;",
            "try resume=RUN_DIR.",
        )
    # hydra.searchpath=[pkg://...] imports a package while Hydra composes.
    typed = [text for text in overrides if "searchpath" in text]
    require_folders([text for text in (*typed, known.config_dir, known.config_path) if text])


def require_hydra(hydra: DictConfig, allowed: Sequence[str] = ()) -> None:
    """Refuse a node ``hydra`` with a class that is not allowed, or with environment variables.

    Args:
        allowed: names that the user has allowed in the process that started this one.

    Raises:
        ConfigError: with the key and the name.
    """
    node: Any = OmegaConf.to_container(hydra, resolve=False)
    # Texts about the run, in which Hydra builds nothing.
    about = {key: value for key, value in node.items() if key not in ("overrides", "runtime", "help", "hydra_help")}
    # Plugins register their options in the store; what is installed is trusted.
    offered = [*_of_plugins(ConfigStore.instance().repo["hydra"])]
    target = (about.get("sweeper") or {}).get("_target_")
    sweeper_files.require_own(about.get("sweeper"), target in (*offered, *allowed, *allowlist.allowed()))
    allowlist.require(about, "hydra", known=(*allowlist.hydra_targets(), *offered, *allowed))
    # These two go to logging.config.dictConfig, which imports names under other keys than _target_.
    for name in ("job_logging", "hydra_logging"):
        _require_logging(about.get(name), f"hydra.{name}")
    # LD_PRELOAD or PYTHONPATH would execute code of whoever wrote the config.
    if environment := (about.get("job") or {}).get("env_set"):
        raise ConfigError(
            f"hydra.job.env_set sets {', '.join(map(str, environment))};",
            "environment variables decide which programs and modules are run, so a config may not set them;",
            f"type them before the command: {next(iter(environment))}=... {train_command()}.",
        )


class Guarded(ConfigLoader):
    """A config loader that fits options and the number of epochs to the data, and checks every config that it returns.

    Launchers pickle it for their processes.

    Args:
        inner: Hydra's loader, which composes.
    """

    def __init__(self, inner: ConfigLoader) -> None:
        # A copy of what the user has allowed: module state is not pickled with the loader.
        self.inner, self.allowed = inner, allowlist.allowed()

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        added = free_keys_added(overrides)
        config = self.inner.load_configuration(config_name, added, run_mode, from_shell, validate_sweep_overrides)
        # Not for a sweep as a whole, whose jobs may have other data.
        if run_mode == RunMode.RUN and (fitting := overrides_for(config)):
            added = [*added, *fitting]
            config = self.inner.load_configuration(config_name, added, run_mode, from_shell, validate_sweep_overrides)
        run_length.choose(config)
        require_hydra(config.hydra, self.allowed)
        return config

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        added = free_keys_added(sweep_overrides)
        config = self.inner.load_sweep_config(master_config, added)
        if fitting := overrides_for(config):
            config = self.inner.load_sweep_config(master_config, [*added, *fitting])
        run_length.choose(config)
        # Overrides of a single job may change the node hydra again.
        require_hydra(config.hydra, self.allowed)
        defer_hydra_files(config)  # a job of a sweep: cli.train does it for a single run
        return config

    def get_search_path(self) -> ConfigSearchPath:
        return self.inner.get_search_path()

    def get_sources(self) -> list[ConfigSource]:
        return self.inner.get_sources()

    def list_groups(self, parent_name: str) -> list[str]:
        return self.inner.list_groups(parent_name)

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        return self.inner.get_group_options(group_name, results_filter, config_name, overrides)

    def compute_defaults_list(self, config_name: str | None, overrides: list[str], run_mode: RunMode) -> Any:
        return self.inner.compute_defaults_list(config_name, overrides, run_mode)


def defer_hydra_files(config: DictConfig) -> None:
    """Keep ``run_job`` from writing ``.hydra/``, with secrets in it; ``hydra_files`` writes it without them."""
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra[_OUTPUT_SUBDIR], config.hydra.output_subdir = config.hydra.output_subdir, None


def restore_output_subdir(hydra: DictConfig) -> str | None:
    """Undo ``defer_hydra_files``; returns the name of the folder for Hydra's files in the run directory."""
    if _OUTPUT_SUBDIR in hydra:
        with read_write(hydra), open_dict(hydra):
            hydra.output_subdir = hydra.pop(_OUTPUT_SUBDIR)
    return hydra.output_subdir


def _of_plugins(store: Mapping[str, Any]) -> Iterator[str]:
    """Every ``_target_`` in the options of Hydra's installed plugins."""
    for entry in store.values():
        if isinstance(entry, Mapping):  # a group; otherwise an option
            yield from _of_plugins(entry)
        elif isinstance(entry.node, DictConfig) and isinstance(name := entry.node.get("_target_"), str):
            yield name


def _require_logging(node: Any, key: str) -> None:
    """Raise ConfigError for a class that is not in ``LOGGING``.

    ``logging.config`` calls the values of ``()`` and ``class``, and imports the name after ``ext://``.
    """
    if isinstance(node, Mapping):
        for name, value in node.items():
            named = name in ("()", "class", "factory")
            if named and value not in LOGGING:
                raise _no_logging(f"{key}.{name}", value)
            if not named:
                _require_logging(value, f"{key}.{name}")
    elif isinstance(node, list):
        for value in node:
            _require_logging(value, key)
    elif isinstance(node, str) and (node.startswith("cfg://") or ("ext://" in node and node not in STREAMS)):
        raise _no_logging(key, node)


def _no_logging(key: str, value: Any) -> ConfigError:
    return ConfigError(
        f"{key} is {str(value)[:200]};",
        f"Hydra's logging may only use {', '.join(LOGGING)};",
        "remove it; a run writes train.log by itself.",
    )
