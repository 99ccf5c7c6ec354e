"""What a command left behind: its exit code, its words and its directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """The end of a command, in this process or in one of its own."""

    code: int
    out: str
    err: str
    path: Path

    def json(self, name: str) -> dict[str, Any]:
        return json.loads((self.path / name).read_text(encoding="utf-8"))
