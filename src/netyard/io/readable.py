"""Paths and sizes as text for people."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import islice
from pathlib import Path

_BYTES = ("B", "kB", "MB", "GB", "TB")


def format_bytes(count: float) -> str:
    """Return a number of bytes as text: "4.2 MB"."""
    power = min(int(math.log10(max(count, 1)) / 3), len(_BYTES) - 1)
    number = count / 1000**power
    # One decimal below 100 of a unit; bytes have none.
    return f"{number:.1f} {_BYTES[power]}" if power and number < 100 else f"{number:.0f} {_BYTES[power]}"


def short_path(path: Path) -> str:
    """Return the path relative to the working directory if it is below it, else unchanged."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def listed(names: Collection[str], most: int = 12) -> str:
    """The names with commas between them; of more than ``most`` the first ones, and dots."""
    return ", ".join([*islice(names, most), *["..."] * (len(names) > most)])
