"""What Hydra itself would unpickle, import or build before a run begins, looked at before it does. Knows no torch.

Hydra builds its launcher, sweeper, callbacks and logging from the same config that overrides and files change, and
sets environment variables from it; ``targets`` says what a config is to netyard.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.utils import get_args_parser
from hydra.core import utils as hydra_files
from hydra.core.config_store import ConfigStore
from hydra.plugins.config_source import ConfigSource
from omegaconf import DictConfig, OmegaConf

from netyard.config import allowlist
from netyard.errors import CheckpointError, ConfigError
from netyard.io import safe_yaml

LOGGING = (  # what Hydra's own files of hydra/job_logging and hydra/hydra_logging name, and ours
    "netyard.io.redact.Formatter",
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "colorlog.ColoredFormatter",
)
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
_OURS = ("pkg://hydra.conf", "pkg://netyard.conf")


def require_arguments(flags: Sequence[str], overrides: Sequence[str]) -> None:
    """Refuse the words by which Hydra would unpickle a file or import a package, whoever wrote them.

    Raises:
        ConfigError: there is one among the flags or overrides.
        CheckpointError: a flag among the overrides that a run has recorded.
    """
    if hidden := next((text for text in overrides if text.startswith("-")), None):
        raise CheckpointError(
            f"an override that was recorded is {hidden};",
            "what a run was started with are overrides, key=value, and no flags;",
            "take it out of .hydra/overrides.yaml, and look who wrote it there.",
        )
    if granted := next((text for text in flags if text.startswith(allowlist.FLAG)), None):
        raise CheckpointError(
            f"sweep.json holds {granted};",
            f"{allowlist.FLAG} is typed by you and taken from no file;",
            "add it to the command if you trust that code.",
        )
    known, _ = get_args_parser().parse_known_args([*flags])
    if known.experimental_rerun is not None:
        raise ConfigError(
            "--experimental-rerun unpickles a file, which may run anything;",
            "a run is continued from its own directory;",
            "try resume=RUN_DIR.",
        )
    for text in (*(text for text in overrides if "searchpath" in text), known.config_dir, known.config_path):
        if "pkg://" in str(text) and not str(text).startswith(_OURS):
            raise ConfigError(
                f"configs are looked for in {text};",
                "pkg:// imports the package it names, and configs are read from folders;",
                "try --config-dir FOLDER.",
            )


def require_hydra(hydra: DictConfig) -> None:
    """Refuse a config of Hydra's own that has something built or set which no installed package offers.

    Raises:
        ConfigError: what, and where it stands.
    """
    node: Any = OmegaConf.to_container(hydra, resolve=False)
    about = {key: value for key, value in node.items() if key not in ("overrides", "runtime", "help", "hydra_help")}
    allowlist.require(about, "hydra", known=(*allowlist.of_hydra(), *_of_plugins(ConfigStore.instance().repo["hydra"])))
    for name in ("job_logging", "hydra_logging"):
        _require_logging(about.get(name), f"hydra.{name}")
    if environment := (about.get("job") or {}).get("env_set"):
        raise ConfigError(
            f"hydra.job.env_set sets {', '.join(map(str, environment))};",
            "variables of the environment decide which programs and modules are run, so no config sets them;",
            f"type them in front of the command: {next(iter(environment))}=... python train.py.",
        )


@functools.cache
def install(save: Callable[[DictConfig, str, Path], None]) -> None:
    """Look at every config that Hydra composes in this process before it builds anything of it.

    Args:
        save: writes one of Hydra's files of a run: its config, name and folder.
    """
    compose, find = ConfigLoaderImpl.load_configuration, ConfigRepository._find_object_source

    @functools.wraps(compose)
    def guarded(self: ConfigLoaderImpl, *arguments: Any, **named: Any) -> DictConfig:
        config = compose(self, *arguments, **named)
        require_hydra(config.hydra)
        return config

    # Not in the source itself, whose class Hydra makes anew when it looks for plugins.
    @functools.wraps(find)
    def measured(self: ConfigRepository, config_path: str, object_type: Any) -> ConfigSource | None:
        source = find(self, config_path, object_type)
        if source is not None and source.scheme() == "file" and source.provider != "main":
            path = Path(source.path, source._normalize_file_name(config_path))
            if path.is_file():
                safe_yaml.require(path)
        return source

    ConfigLoaderImpl.load_configuration = guarded  # type: ignore[method-assign]
    ConfigRepository._find_object_source = measured  # type: ignore[method-assign]
    hydra_files._save_config = save  # type: ignore[assignment]


def _of_plugins(store: Mapping[str, Any]) -> Iterator[str]:
    """What the installed plugins of Hydra have built by their own options."""
    for entry in store.values():
        if isinstance(entry, Mapping):
            yield from _of_plugins(entry)
        elif isinstance(entry.node, DictConfig) and isinstance(name := entry.node.get("_target_"), str):
            yield name


def _require_logging(node: Any, key: str) -> None:
    """``logging.config`` calls what it finds under ``()`` and ``class``, and imports what follows ``ext://``."""
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
        f"Hydra's logging is made of {', '.join(LOGGING)} alone;",
        "take it out; a run writes train.log by itself.",
    )
