"""Create directories with names that no other process uses; remove them if they stay empty. Imports no torch."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path

from netyard.errors import PlatformError
from netyard.io.process import is_main_process


@cache
def create_unused(path: str) -> str:
    """Create a new directory and return its name: ``path`` or, if that exists, ``path-2``, ``path-3``, ...

    ``mkdir`` of a missing directory is atomic, so two runs that start at the same moment get two names. The result is
    cached for the life of the process, because Hydra resolves the path several times: configs call this function as
    ``${unclaimed:PATH}``.
    """
    if not is_main_process():  # the other ranks get the directory of rank 0
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
            _CREATED.append(candidate)
            return str(candidate)


_CREATED: list[Path] = []  # by ``create_unused``


def created() -> list[Path]:
    """Return the directories that this process has created so far."""
    return list(_CREATED)


def remove_if_empty(path: Path) -> None:
    """Remove a directory in which no run was started, and the day's folder if ``create_unused`` made the directory."""
    if is_main_process():
        with contextlib.suppress(OSError):  # rmdir fails on a folder with files in it, which must stay
            path.rmdir()
            if any(path.absolute() == each.absolute() for each in _CREATED):
                path.parent.rmdir()


def unwritable(path: Path, error: OSError) -> PlatformError:
    """Return the error for a run whose directory cannot be created or written to."""
    return PlatformError(
        f"nothing can be written to {path}: {error.strerror or error};",
        "a run writes its checkpoints, curves and log there, below outputs/ or what NETYARD_OUTPUTS names;",
        "try hydra.run.dir=DIR or NETYARD_OUTPUTS=DIR with a folder you may write to.",
    )
