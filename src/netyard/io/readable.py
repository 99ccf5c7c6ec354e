"""Paths and sizes as text for people."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from itertools import islice
from pathlib import Path

_FOLDER: ContextVar[Path | None] = ContextVar("_FOLDER", default=None)  # None: the working directory
_BYTES = ("B", "kB", "MB", "GB", "TB")


def format_bytes(count: float) -> str:
    """Return a number of bytes as text: "4.2 MB"."""
    power = min(int(math.log10(max(count, 1)) / 3), len(_BYTES) - 1)
    number = count / 1000**power
    # One decimal below 100 of a unit; bytes have none.
    return f"{number:.1f} {_BYTES[power]}" if power and number < 100 else f"{number:.0f} {_BYTES[power]}"


def short_path(path: Path) -> str:
    """Return the path relative to the working directory of the user if it is below it, else unchanged."""
    folder = _FOLDER.get() or Path.cwd()
    # Relative to another folder than the one the process works in, a relative path would be read wrongly.
    path = path if folder == Path.cwd() else path.absolute()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


@contextlib.contextmanager
def typed_in(folder: Path) -> Iterator[None]:
    """Inside, paths are shown as they are typed in this folder, although ``hydra.job.chdir`` changes the process's."""
    before = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(before)


def listed(names: Collection[str], most: int = 12) -> str:
    """The names with commas between them; of more than ``most`` the first ones, and dots."""
    return ", ".join([*islice(names, most), *["..."] * (len(names) > most)])
