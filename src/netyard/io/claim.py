"""Directories that a process creates for itself, and removes if they stay empty. Imports no torch."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path

from netyard.errors import PlatformError
from netyard.io.process import is_main_process


@cache
def create_unused(path: str) -> str:
    """Create a directory that no other process uses, named ``path`` or, where that exists, ``path-2``, ``path-3``, ...

    ``mkdir`` of a missing directory is atomic, so two runs that start in one instant get two names. The result is
    cached for the life of the process, because Hydra resolves the path several times.
    """
    if not is_main_process():
        return path
    number = 1
    while True:
        candidate = Path(path if number == 1 else f"{path}-{number}")
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise unwritable(candidate, error) from error
        else:
            _CLAIMED.append(candidate)
            return str(candidate)


_CLAIMED: list[Path] = []


def created() -> list[Path]:
    """The directories this process has made for itself so far."""
    return list(_CLAIMED)


def remove_if_empty(path: Path) -> None:
    """Take back a directory that no run was begun in, and the day's folder of one that ``create_unused`` made."""
    if is_main_process():
        with contextlib.suppress(OSError):
            path.rmdir()
            if any(path.absolute() == each.absolute() for each in _CLAIMED):
                path.parent.rmdir()


def unwritable(path: Path, error: OSError) -> PlatformError:
    """The error for a run whose directory cannot be created or written to."""
    return PlatformError(
        f"nothing can be written to {path}: {error.strerror or error};",
        "a run writes its checkpoints, curves and log there, below outputs/ or what NETYARD_OUTPUTS names;",
        "try hydra.run.dir=DIR or NETYARD_OUTPUTS=DIR with a folder you may write to.",
    )
