"""A text whose lines are numbered, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netyard.data.text.text_file import TextFile
from support.datasets import build


def numbered(lines: int = 200) -> str:
    return "".join(f"line {line} goes on\n" for line in range(lines))


def load(path: Path, **changes: Any) -> TextFile:
    data = build("text", path=str(path), **changes)
    assert isinstance(data, TextFile)
    data.setup()
    return data


def write_text(folder: Path, content: str | bytes, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
