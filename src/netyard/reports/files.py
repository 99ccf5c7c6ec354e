"""Reads files of a run directory for a page: only small files, and no symbolic links that lead out of the directory.

A run directory may come from somebody else, and the page may be sent to others: a symbolic link in it to a private file
of the user would copy that file into the page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def is_own(run: Path, file: Path, max_bytes: int) -> bool:
    """Return whether a path is a regular file inside the run directory with at most ``max_bytes`` bytes."""
    try:
        # resolve() follows symbolic links, also those in folders between.
        return file.is_file() and file.resolve().is_relative_to(run.resolve()) and file.stat().st_size <= max_bytes
    except OSError:
        return False


def text_of(run: Path, file: Path, max_bytes: int) -> str:
    """Return the text of a file; empty if it is missing, too large, or outside of the run directory."""
    return file.read_text(encoding="utf-8", errors="replace") if is_own(run, file, max_bytes) else ""


def end_of(run: Path, file: Path, max_bytes: int, lines: int) -> str:
    """Return the last lines of a text file of any size, from its last ``max_bytes`` bytes."""
    if not is_own(run, file, 1 << 62):  # no limit: only the end of it is read
        return ""
    with file.open("rb") as opened:
        opened.seek(0, io.SEEK_END)
        # A log may have gigabytes: only its end is read. A character cut in two is replaced when decoded.
        opened.seek(max(opened.tell() - max_bytes, 0))
        return "\n".join(opened.read().decode("utf-8", errors="replace").splitlines()[-lines:])


def object_of(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if the file is missing, invalid, or not an object."""
    try:
        return mapping(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # a UnicodeDecodeError is a ValueError too
        return {}


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping as a dict with string keys, and {} for anything else: files of others are not trusted."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}
