"""The command line of a sweep: short names of Hydra's keys, the arguments of a resumed sweep, flags of its jobs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from netyard.config import allowlist, catalog, flatten
from netyard.config.overrides import override, value_of
from netyard.config.suggest import did_you_mean
from netyard.errors import CheckpointError, ConfigError, PlatformError
from netyard.io import redact
from netyard.io.packages import is_installed
from netyard.io.process import train_command
from netyard.io.readable import short_path
from netyard.run_directories.directory import outputs
from netyard.sweeps.ledger import Ledger

SHORT = {"launcher": "hydra.launcher", "sweep": "hydra.sweeper"}  # launcher.devices=2, sweep.keep=3
CHOICES = {"launcher": "hydra/launcher", "sweeper": "hydra/sweeper"}  # launcher=ray, sweeper=optuna
DEFAULTS = {"hydra/launcher": "local", "hydra/sweeper": "grid"}  # as conf/unless_chosen.yaml has them
# Mappings with any keys, which Hydra only accepts with ++.
OPEN = ("params", "when", "sampler_options", "pruner_options")
EXTRAS = {  # launcher -> required packages, and the extra that installs them
    "ray": (("hydra_plugins.hydra_ray_launcher", "ray"), "ray"),
    "submitit_local": (("hydra_plugins.hydra_submitit_launcher", "submitit"), "slurm"),
    "submitit_slurm": (("hydra_plugins.hydra_submitit_launcher", "submitit"), "slurm"),
}
MULTIRUN = ("-m", "--multirun")
_PARAMS = ("hydra.sweeper.params.", "sweep.params.")  # axes that are set like settings
# What only the driver of the sweep uses; a job must not get it, or it would start a sweep itself.
_OF_THE_SWEEP = ("hydra.sweep.", "hydra.sweeper.", "hydra.launcher.", "hydra/sweeper", "hydra/launcher", "hydra.mode")

# How the sweep of this thread was started. Hydra passes the overrides to the sweeper, but not the flags.
_COMMAND: ContextVar[tuple[str, ...]] = ContextVar("_COMMAND", default=())


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags, and the overrides, among the words of a command line."""
    overrides = [text for text in arguments if not text.startswith("-") and ("=" in text or text.startswith("~"))]
    return [text for text in arguments if text not in overrides], overrides


def with_full_names(overrides: Sequence[str], sweeping: bool) -> list[str]:
    """The overrides with Hydra's names for the keys of launcher and sweeper.

    Raises:
        ConfigError: there is no such key, or this is not a sweep.
        PlatformError: the launcher's extra is not installed.
    """
    long = [_long(text) for text in overrides]
    for was, text in zip(overrides, long, strict=True):
        if was != text and not sweeping:
            raise ConfigError(
                f"{was} is a setting of a sweep, and this is a single run;",
                "a sweep is started with -m;",
                f"try {train_command()} -m {' '.join(overrides)}.",
            )
    for text in long:
        _require_extra(text)
        _require_one_value(text)
        _require_key(text, long)
    return long


def expand_resume(flags: Sequence[str], overrides: Sequence[str]) -> tuple[list[str], list[str], Path | None]:
    """Flags and overrides with ``resume=`` replaced by those of the sweep; if it has finished, none and its directory.

    Raises:
        CheckpointError: ``resume=`` names no sweep.
    """
    flags, overrides = list(flags), list(overrides)
    wanted = value_of(overrides, "resume")
    if wanted is None:
        return flags, overrides, None
    if wanted == "auto":
        overrides = [text for text in overrides if not text.startswith("resume=")]
        if (found := _find_resumable(overrides)) is None:
            print("resume=auto: no sweep was started by this command; starting a new one.")
            return flags, overrides, None
        print(f"resume=auto: {short_path(found)}")
        wanted, overrides = str(found), []  # they are the ones that the sweep was started with
    more, left = split(resume_arguments(Path(wanted), overrides))
    return [*flags, *more], left, None if left else Path(wanted)


def _find_resumable(overrides: Sequence[str]) -> Path | None:
    """The newest sweep of the same command, or the one in the folder that it names."""
    folder = value_of(overrides, "hydra.sweep.dir")
    if folder is not None:
        return Path(folder) if (Path(folder) / "sweep.json").is_file() else None
    return newest(with_full_names(overrides, True), outputs())


def resume_arguments(folder: Path, overrides: Sequence[str]) -> list[str]:
    """The arguments that resume a sweep: those it was started with, and new ones; empty if it is finished.

    Raises:
        CheckpointError: there is no sweep, or its jobs use a package that is not installed.
    """
    ledger = Ledger.read(folder)
    _require_packages(ledger)
    new = [text for text in overrides if not text.startswith("resume=")]
    if ledger.state == "completed" and not new:
        return []
    # A new override replaces the one that it changes: a sweep takes each key once.
    keys = {text.partition("=")[0].lstrip("+~") for text in new if "={" not in text}  # a mapping replaces no option
    before = [text for text in ledger.arguments if text.partition("=")[0].lstrip("+~") not in keys]
    return [*before, *new, override("hydra.sweep.dir", folder), "hydra.sweeper.resume=true"]


def _require_packages(ledger: Ledger) -> None:
    """Raise CheckpointError if a job was built with a class of a package that is not installed now."""
    known: set[str] = set()
    for job in ledger.jobs:
        place = ledger.place(job)
        with contextlib.suppress(OSError, UnicodeDecodeError):  # a job that has not started has no config
            text = (place / ".hydra" / "config.yaml").read_text(encoding="utf-8")
            # Searched as text: parsing the YAML of a thousand jobs would take many seconds.
            for target in {*re.findall(r"\b_target_: ([\w.]+)", text)} - known:
                allowlist.require_installed({"_target_": target}, f"in {short_path(place)}, config", CheckpointError)
                known.add(target)


def newest(overrides: Sequence[str], folder: Path) -> Path | None:
    """The sweep below a folder that was started last by these overrides, spelled with Hydra's own keys."""
    wanted, found = redact.overrides(overrides), []  # the ledger has no passwords, so they are compared without
    for path in folder.glob("sweeps/*/*/sweep.json"):
        with contextlib.suppress(CheckpointError):  # the ledger of another sweep is broken
            ledger = Ledger.read(path.parent)
            if [text for text in ledger.arguments if not text.startswith("-")] == wanted:
                found.append((ledger.started, ledger.folder))
    return max(found)[1] if found else None


@contextlib.contextmanager
def record_start(command: Sequence[str]) -> Iterator[None]:
    """Inside, ``start_arguments`` returns these flags and overrides as those that started the sweep of this process."""
    before = _COMMAND.set(tuple(command))
    try:
        yield
    finally:
        _COMMAND.reset(before)


def start_arguments() -> list[str]:
    """The flags and overrides that started this sweep, for the ledger and for a resume."""
    # `resume_arguments` adds the directory again, which may have been moved.
    return [text for text in _COMMAND.get() if text not in MULTIRUN and not text.startswith("hydra.sweep.dir=")]


def unused_axes(hydra_config: DictConfig, overrides: Sequence[str]) -> list[str]:
    """The axes in a file of ``sweep=`` or ``experiment=``, if a single run sets none of them: it does not vary them."""
    params = OmegaConf.select(hydra_config, "sweeper.params", throw_on_resolution_failure=False)
    found = OmegaConf.to_container(params) if OmegaConf.is_dict(params) else {}
    axes = [key for key, value in flatten.leaves(found) if isinstance(value, str | list)]
    typed = {text.partition("=")[0].lstrip("+~") for text in overrides}
    return [] if typed & {*axes} else axes


def flags_of(config: DictConfig) -> list[str]:
    """The arguments of every job besides its overrides: flags, and overrides of Hydra's own keys."""
    flags, _ = split(start_arguments())
    return [*allowlist.flags(), *flags, *hydra_overrides(config.hydra)]


def hydra_overrides(hydra_config: DictConfig) -> list[str]:
    """The overrides of Hydra's own keys, without those of the sweep."""
    overrides: Any = OmegaConf.to_container(hydra_config.overrides.hydra)
    return [text for text in overrides if not text.lstrip("+~").startswith(_OF_THE_SWEEP)]


def _long(text: str) -> str:
    key, equals, value = text.partition("=")
    bare = key.lstrip("+~")
    group, dot, rest = bare.partition(".")
    if bare.startswith(_PARAMS):
        # Hydra refuses several values for its own keys, so that the values of an axis are one text.
        sign = key[: len(key) - len(bare)] or "++"
        return f"{sign}{_PARAMS[0]}{bare.partition('params.')[2]}{equals}{_one_text(value)}"
    if bare.removeprefix("hydra.sweeper.").partition(".")[0] in OPEN and bare.startswith("hydra.sweeper."):
        return text if key != bare else f"++{text}"
    if dot and group in SHORT:
        # The user's own + or ++, or the one that an open mapping needs.
        sign = key[: len(key) - len(bare)] or "++" * (group == "sweep" and rest.partition(".")[0] in OPEN)
        return f"{sign}{SHORT[group]}.{rest}{equals}{value}"
    return f"{CHOICES[key]}={value}" if key in CHOICES else text


def _one_text(value: str) -> str:
    """The values of an axis in quotes, unless they are one value, or a list, already."""
    try:
        several = OverridesParser.create().parse_override(f"key={value}").is_sweep_override()
    except HydraException:
        several = False
    return "'" + value.replace("'", "\\'") + "'" if several else value


def _require_extra(text: str) -> None:
    """Refuse a launcher whose plugin is not installed; Hydra would only report an unknown option."""
    group, _, name = text.partition("=")
    modules, extra = EXTRAS.get(name, ((), "")) if group == "hydra/launcher" else ((), "")
    if missing := [module.rpartition(".")[2].replace("_", "-") for module in modules if not is_installed(module)]:
        raise PlatformError(
            f"hydra/launcher={name} needs {' and '.join(missing)}, which is not installed;",
            "it is an extra of netyard, and hydra/launcher=local needs none;",
            f"type pip install 'netyard[{extra}]'.",
        )


def _require_one_value(text: str) -> None:
    """Refuse several values for a setting of launcher or sweeper, as ``launcher.retries=1,2``."""
    key, _, value = text.partition("=")
    if key.lstrip("+").startswith(_OF_THE_SWEEP) and not key.lstrip("+").startswith(_PARAMS):
        with contextlib.suppress(HydraException):  # cannot be parsed, which Hydra explains
            if OverridesParser.create().parse_override(text).is_sweep_override():
                raise ConfigError(
                    f"{text} has several values;",
                    "a sweep has one value of each of its own settings, which do not vary from job to job;",
                    f"try {key}={value.partition(',')[0]}.",
                )


def _require_key(text: str, overrides: Sequence[str]) -> None:
    """Refuse an unknown key of launcher or sweeper; Hydra would only report that it is "not in struct"."""
    key = text.partition("=")[0].lstrip("+~")
    for short, group in SHORT.items():
        if not key.startswith(f"{group}."):
            continue
        choice = group.replace(".", "/")
        wanted = key.removeprefix(f"{group}.").partition(".")[0]
        names = _options(choice, overrides)
        known = {name: _keys(choice, name) for name in names}
        # Refused only if all candidates are netyard's own, and none has the key.
        if all(known.values()) and not any(wanted in keys for keys in known.values()):
            keys = sorted({each for keys in known.values() for each in keys})
            having = [name for name in catalog.options(choice) if wanted in _keys(choice, name)]
            raise ConfigError(
                f"{choice}={names[0]} has no '{wanted}';",
                (having and f"{choice}={' and '.join(having)} have it;")
                or did_you_mean(wanted, keys)
                or f"it has {', '.join(keys)};",
                f"{short}.KEY=VALUE sets one of them; {names[0]}.yaml in conf/{choice}/ explains them.",
            )


def _options(choice: str, overrides: Sequence[str]) -> list[str]:
    """The option on the command line, or the default; a file of ``experiment=`` or ``sweep=`` may choose any."""
    typed = [text.partition("=")[2] for text in overrides if text.startswith(f"{choice}=")]
    if typed:
        return typed[-1:]
    names = catalog.options(choice)
    return names if any(text.startswith(("experiment=", "sweep=")) for text in overrides) else [DEFAULTS[choice]]


def _keys(choice: str, name: str) -> list[str]:
    """The keys in the file of an option; empty for a plugin's option, whose keys Hydra checks."""
    return [key for key in catalog.option_file(choice, name) if key[0] != "_"]
