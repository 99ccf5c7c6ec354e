"""What the checks of the user's files before torch is imported share: see ``netyard.config.data_check``."""

from __future__ import annotations

from pathlib import Path

_MOST_BYTES = 2**23  # a larger file takes longer to read than torch to import


def is_large(path: Path) -> bool:
    """Whether a file is left to the data set itself, which reads it after torch is imported."""
    return path.is_file() and path.stat().st_size > _MOST_BYTES
