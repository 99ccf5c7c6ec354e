"""What a sweep and its fork server say to each other: JSON objects, a line each."""

from __future__ import annotations

import json
from typing import Any


class Messages:
    """Puts together what arrives in pieces of any length."""

    def __init__(self) -> None:
        self._unread = b""

    def whole(self, received: bytes) -> list[dict[str, Any]]:
        """Those that are complete with these bytes."""
        *lines, self._unread = (self._unread + received).split(b"\n")
        return [json.loads(line) for line in lines]
