"""Paths and sizes as people read them."""

from __future__ import annotations

import math
from pathlib import Path

_BYTES = ("B", "kB", "MB", "GB", "TB")


def format_bytes(count: float) -> str:
    """As "4.2 MB"."""
    power = min(int(math.log10(max(count, 1)) / 3), len(_BYTES) - 1)
    number = count / 1000**power
    return f"{number:.1f} {_BYTES[power]}" if power and number < 100 else f"{number:.0f} {_BYTES[power]}"


def short_path(path: Path) -> str:
    """The path as one would type it from here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
