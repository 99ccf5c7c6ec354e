"""Reads files of a run directory for a page: only small ones, and none through a symbolic link that leaves it.

A directory may have been sent by somebody, and a page is made to be sent on: a link in it to a private file of the
reader's would put that file into the page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def is_own(run: Path, file: Path, largest: int) -> bool:
    """Whether it is a regular file of the run of at most so many bytes."""
    try:
        return file.is_file() and file.resolve().is_relative_to(run.resolve()) and file.stat().st_size <= largest
    except OSError:
        return False


def text_of(run: Path, file: Path, largest: int) -> str:
    """The text of such a file; empty where there is none."""
    return file.read_text(encoding="utf-8", errors="replace") if is_own(run, file, largest) else ""


def end_of(run: Path, file: Path, largest: int, lines: int) -> str:
    """The last lines of a text of any length, at most so many bytes of it."""
    if not is_own(run, file, 1 << 62):
        return ""
    with file.open("rb") as opened:
        opened.seek(0, io.SEEK_END)
        opened.seek(max(opened.tell() - largest, 0))
        return "\n".join(opened.read().decode("utf-8", errors="replace").splitlines()[-lines:])


def object_of(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty where there is none, or the file is broken."""
    try:
        return mapping(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def mapping(found: Any) -> dict[str, Any]:
    """What was found, if it is a mapping."""
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}
