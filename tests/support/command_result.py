"""The result of a command: exit code, output and directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """The result of a command, run in this process or in its own."""

    code: int
    out: str
    err: str
    path: Path

    def json(self, name: str) -> dict[str, Any]:
        return json.loads((self.path / name).read_text(encoding="utf-8"))
