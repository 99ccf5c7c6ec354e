"""Commands that a run prints for the user to type: the programs and flags of this process, repeated."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from netyard.config import allowlist, overrides
from netyard.config.compose import typed_flags
from netyard.config.fitting import recipe_for
from netyard.io.process import train_command
from netyard.io.readable import short_path
from netyard.run_directories.directory import RunDir

OF_THE_PLACE = ("resume", "hydra")
"""Overrides that say where a run writes, or how its process runs; another run gets a directory of its own."""


def arguments(*words: str) -> str:
    """Return the arguments of a suggested command. ``--allow`` flags are repeated: that command needs them too."""
    return " ".join([*words, *allowlist.flags()])


def program(name: str) -> str:
    """Return how to call a program of this environment: its name, or its path if the environment is not activated."""
    installed = Path(sys.executable).parent / name
    # On PATH may be another environment's program of the same name; only ours is called by its bare name.
    return name if shutil.which(name) == str(installed) or not installed.exists() else short_path(installed)


def resume(run_dir: RunDir, *more: str) -> str:
    """Return the command that continues a run, with further overrides."""
    return _training(overrides.argument("resume", short_path(run_dir.path)), *more)


def again(run_dir: RunDir, changes: Sequence[str]) -> str:
    """Return the command that trains anew with a run's overrides and these; a key that is changed is named once."""
    changed = {_key(text) for text in changes}
    kept = [text for text in _typed(run_dir) if _key(text) not in changed]
    return _training(*(shlex.quote(text) for text in [*kept, *changes]))


def evaluate(run_dir: RunDir) -> str:
    """Return the command that tests a run again."""
    return f"{program('netyard')} evaluate {arguments(shlex.quote(f'run={short_path(run_dir.path)}'))}"


def better(run_dir: RunDir) -> str:
    """Return the command of the recipe for a run's data and task, or else of models without a network."""
    recipe = recipe_for(run_dir.composed()[1])
    typed = _typed(run_dir)
    if recipe is None or f"experiment={recipe}" in typed:
        return baseline(run_dir)
    data = [shlex.quote(text) for text in typed if _key(text).startswith("data.")]
    return _training(f"experiment={recipe}", *data)


def baseline(run_dir: RunDir) -> str:
    """Return the command that prints what models without a network reach on the data of a run."""
    return f"{program('netyard')} baseline {arguments(*typed_flags(), *map(shlex.quote, _typed(run_dir)))}"


def _training(*words: str) -> str:
    name, command = train_command().split()  # an installed netyard has no train.py
    return f"{program(name)} {command} {arguments(*typed_flags(), *words)}"


def _typed(run_dir: RunDir) -> list[str]:
    return [text for text in run_dir.overrides() if not _key(text).startswith(OF_THE_PLACE)]


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]
