"""Optuna by name: its storages, samplers and pruners, and what is wrong where it cannot have them. Knows no torch.

Optuna is an extra, and imported when it is asked for.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError, PlatformError
from netyard.io import redact

SAMPLERS = {
    "tpe": "TPESampler",
    "cmaes": "CmaEsSampler",
    "gp": "GPSampler",
    "qmc": "QMCSampler",
    "nsga2": "NSGAIISampler",
    "random": "RandomSampler",
}
PRUNERS = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "asha": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
    "percentile": "PercentilePruner",
}
DEFAULTS: dict[str, dict[str, Any]] = {"percentile": {"percentile": 50.0}, "qmc": {"scramble": True}}
NEEDS = {"cmaes": ("cmaes",), "gp": ("scipy", "torch"), "qmc": ("scipy",)}  # which Optuna does not bring
STORAGE = "NETYARD_STUDY_STORAGE"  # the variable by which a sweep tells its jobs where the study is
WAIT = 60.0  # seconds for another process's write to a SQLite file


def optuna() -> Any:
    """The package, silent.

    Raises:
        PlatformError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise PlatformError(
            f"hydra/sweeper=optuna needs Optuna, which is not installed ({error});",
            "it is an extra of netyard, and hydra/sweeper=random needs none;",
            "pip install 'netyard[optuna]'.",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def storage(url: str, ready: bool = False) -> Any:
    """The storage of a database's URL; where it is ``ready`` its tables are there and of this version.

    Raises:
        PlatformError: there is no such database, or no driver for it.
    """
    optuna_ = optuna()
    import sqlalchemy

    waits = {"connect_args": {"timeout": WAIT}} if url.startswith("sqlite") else {}
    try:
        return optuna_.storages.RDBStorage(
            url, engine_kwargs=waits, skip_compatibility_check=ready, skip_table_creation=ready
        )
    except (ImportError, RuntimeError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise PlatformError(
            f"the study cannot be kept at {redact.text(url)}: {str(error).splitlines()[0].rstrip('.')};",
            "a storage is the URL of a database that is there, and whose driver is installed;",
            "try hydra.sweeper.storage=sqlite:////tmp/study.db, or null for a file in the sweep's directory.",
        ) from error


def recalled(url: str, run: Path) -> str:
    """The URL of a run's ``job.json``, with its password, where the sweep has told it or its file lies in the sweep.

    Nothing else: ``job.json`` may be somebody else's, and name any machine.

    Raises:
        PlatformError: the sweep did not tell it.
    """
    told = os.environ.get(STORAGE, "")
    if told and redact.text(told) == url:
        return told
    if url.startswith("sqlite:///") and Path(url.removeprefix("sqlite:///")).parent in run.resolve().parents:
        return url
    raise PlatformError(
        f"the sweep's study is at {url}, and no sweep has told this job so;",
        "a job of a running sweep is told it; one that is run alone has to be;",
        f"type {STORAGE}=URL in front of the command.",
    )


def sampler(name: str, options: Mapping[str, Any], **ours: Any) -> Any:
    """An Optuna sampler; ``ours`` are set where it has such parameters and the options do not say otherwise."""
    if missing := [package for package in NEEDS.get(name, ()) if find_spec(package) is None]:
        raise PlatformError(
            f"sampler {name} needs {' and '.join(missing)}, which is not installed;",
            "the extra brings it;",
            "pip install 'netyard[optuna]'.",
        )
    return _made("sampler", SAMPLERS, optuna().samplers, name, options, ours)


def pruner(name: str, options: Mapping[str, Any]) -> Any:
    """An Optuna pruner; see ``sampler``."""
    return _made("pruner", PRUNERS, optuna().pruners, name, options, {})


def _made(
    kind: str, names: Mapping[str, str], module: Any, name: str, options: Mapping[str, Any], ours: Mapping[str, Any]
) -> Any:
    if name not in names:
        raise ConfigError(
            f"there is no {kind} '{name}';",
            did_you_mean(str(name), names) or f"{kind}s are {', '.join(names)};",
            f"try hydra.sweeper.{kind}={next(iter(names))}.",
        )
    made = getattr(module, names[name])
    known = [key for key in inspect.signature(made).parameters if key != "self"]
    for key in options:
        if key not in known:
            raise ConfigError(
                f"{kind} {name} has no option '{key}';",
                did_you_mean(key, known) or f"it has {', '.join(known) or 'none'};",
                f"take {key} out of hydra.sweeper.{kind}_options.",
            )
    usual = {**DEFAULTS.get(name, {}), **{key: value for key, value in ours.items() if key in known}}
    try:
        return made(**{**usual, **options})
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{kind} {name} refuses {dict(options)}: {str(error).splitlines()[0].rstrip('.')};",
            f"hydra.sweeper.{kind}_options are parameters of Optuna's {names[name]};",
            f"try hydra.sweeper.{kind}_options={{}}.",
        ) from error
