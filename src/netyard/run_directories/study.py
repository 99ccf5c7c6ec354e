"""Build Optuna's storages, samplers and pruners by name, with messages for wrong names and options. Imports no torch.

Optuna is an optional extra, imported on first use.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError, PlatformError
from netyard.io import redact
from netyard.io.packages import is_installed
from netyard.run_directories import lock

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
# percentile has no default in Optuna; unscrambled quasi-random points are the same for every seed.
DEFAULTS: dict[str, dict[str, Any]] = {"percentile": {"percentile": 50.0}, "qmc": {"scramble": True}}
NEEDS = {  # packages that a sampler needs and Optuna does not install
    "cmaes": ("cmaes",),
    "gp": ("scipy", "torch"),
    "qmc": ("scipy",),
}
# Environment variable with the study's URL, from a sweep to its jobs: job.json has the URL without its password.
STORAGE = "NETYARD_STUDY_STORAGE"
WAIT = 60.0  # seconds to wait while another process writes to the SQLite file


def optuna() -> Any:
    """Import and return the package, with its log messages and warnings turned off.

    Raises:
        PlatformError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise PlatformError(
            f"hydra/sweeper=optuna needs Optuna, which cannot be imported: {error};",
            "it is an extra of netyard, and hydra/sweeper=random needs none;",
            "type pip install 'netyard[optuna]'.",
        ) from error
    # The driver prints a line for each job itself.
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def storage(url: str, ready: bool = False) -> Any:
    """Return the storage at a database URL; ``ready`` skips creating the tables and checking their version.

    Raises:
        PlatformError: the database does not exist, or its driver is not installed.
    """
    optuna_ = optuna()
    import sqlalchemy

    # SQLite allows one writer: without a timeout, jobs that report at the same time fail with "database is locked".
    waits = {"connect_args": {"timeout": WAIT}} if url.startswith("sqlite") else {}
    try:
        return optuna_.storages.RDBStorage(
            url, engine_kwargs=waits, skip_compatibility_check=ready, skip_table_creation=ready
        )
    except (ImportError, RuntimeError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise PlatformError(
            f"the study cannot be opened at {redact.text(url)}: {str(error).splitlines()[0].rstrip('.')};",
            "a storage is the URL of an existing database whose driver is installed;",
            "try hydra.sweeper.storage=sqlite:////tmp/study.db, or null for a file in the sweep's directory.",
        ) from error


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """Inside, no other sweep creates its tables or studies in the same SQLite file; of other databases nothing is done.

    Optuna creates tables that do not exist yet, and fails if another process does so at the same time.
    """
    path = Path(url.removeprefix("sqlite:///").partition("?")[0])
    if not url.startswith("sqlite:///") or not path.parent.is_dir():
        yield
        return
    try:
        file = lock.open_file(path.with_name(f".{path.name}.lock"))
    except OSError:  # a read-only folder, of which Optuna says more
        yield
        return
    try:
        lock.try_lock(file, time.monotonic() + WAIT)
        yield
    finally:
        os.close(file)


def trusted_url(url: str, run: Path) -> str:
    """Return the URL in a run's ``job.json``, with its password, if the sweep passed it too or it is the sweep's file.

    Any other URL is refused: ``job.json`` may come from somebody else, and its URL may be on any machine.

    Raises:
        PlatformError: the URL is not confirmed by the environment variable.
    """
    given = os.environ.get(STORAGE, "")
    # The file has the URL with the password masked, so the one of the environment is masked to compare them.
    if given and redact.text(given) == url:
        return given
    if url.startswith("sqlite:///") and Path(url.removeprefix("sqlite:///")).parent in run.resolve().parents:
        return url
    raise PlatformError(
        f"the sweep's study is at {url}, and the environment of this job does not confirm it;",
        f"a sweep sets {STORAGE} for its jobs; for a job that is run alone you set it;",
        f"type {STORAGE}=URL in front of the command.",
    )


def sampler(name: str, options: Mapping[str, Any], **defaults: Any) -> Any:
    """Build an Optuna sampler; ``defaults`` apply to parameters that it has and ``options`` do not set."""
    if missing := [package for package in NEEDS.get(name, ()) if not is_installed(package)]:
        raise PlatformError(
            f"sampler {name} needs {' and '.join(missing)}, which is not installed;",
            "the extra installs it;",
            "pip install 'netyard[optuna]'.",
        )
    return _build("sampler", SAMPLERS, optuna().samplers, name, options, defaults)


def pruner(name: str, options: Mapping[str, Any]) -> Any:
    """Build an Optuna pruner; see ``sampler``."""
    return _build("pruner", PRUNERS, optuna().pruners, name, options, {})


def _build(
    kind: str, names: Mapping[str, str], module: Any, name: str, options: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Any:
    if name not in names:
        raise ConfigError(
            f"there is no {kind} '{name}';",
            did_you_mean(str(name), names) or f"{kind}s are {', '.join(names)};",
            f"try hydra.sweeper.{kind}={next(iter(names))}.",
        )
    # Options are checked before the call: a TypeError of Python names no alternatives.
    factory = getattr(module, names[name])
    known = [key for key in inspect.signature(factory).parameters if key != "self"]
    for key in options:
        if key not in known:
            raise ConfigError(
                f"{kind} {name} has no option '{key}';",
                did_you_mean(key, known) or f"it has {', '.join(known) or 'none'};",
                f"remove {key} from hydra.sweeper.{kind}_options.",
            )
    merged = {**DEFAULTS.get(name, {}), **{key: value for key, value in defaults.items() if key in known}}
    try:
        return factory(**{**merged, **options})
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{kind} {name} refuses {dict(options)}: {str(error).splitlines()[0].rstrip('.')};",
            f"hydra.sweeper.{kind}_options are parameters of Optuna's {names[name]};",
            f"try hydra.sweeper.{kind}_options={{}}.",
        ) from error
