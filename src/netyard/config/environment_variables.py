"""Variables of the environment that a config reads: ``${oc.env:NAME}``. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from netyard.errors import ConfigError
from netyard.io.process import train_command

_NEEDED = re.compile(r"\$\{oc\.env:\s*([A-Za-z_]\w*)\s*\}")  # without a default
_NOT_FOUND = re.compile(r"Environment variable '(\w+)' not found")


def require(texts: Iterable[str]) -> None:
    """Check the values of a config, or the overrides of a sweep, before anything is resolved.

    Raises:
        ConfigError: one of them reads a variable that is not set, and has no default for it.
    """
    for text in texts:
        # Hydra writes the values of an axis with backslashes: $\{oc.env\:NAME\}.
        if missing := next((name for name in _NEEDED.findall(text.replace("\\", "")) if name not in os.environ), None):
            raise unset(missing)


def unset(name: str) -> ConfigError:
    """The error for a variable that is not set."""
    return ConfigError(
        f"the environment variable {name} is not set, and a setting reads it by ${{oc.env:{name}}};",
        f"it is set before the command, or has a default, as ${{oc.env:{name},DEFAULT}};",
        f"type {name}=VALUE {train_command()} ....",
    )


def named_in(error: BaseException) -> str | None:
    """The name of the variable that an error of OmegaConf is about; None if it is about something else."""
    found = _NOT_FOUND.search(str(error))
    return found[1] if found else None
