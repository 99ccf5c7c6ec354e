"""Messages between the driver of a sweep and its fork server: JSON objects, one per line."""

from __future__ import annotations

import json
from typing import Any


class LineBuffer:
    """Assembles complete messages from chunks of any length."""

    def __init__(self) -> None:
        self._rest = b""

    def complete(self, received: bytes) -> list[dict[str, Any]]:
        """The messages that these bytes complete."""
        # A read of a stream socket may end in the middle of a message, and hold several.
        *lines, self._rest = (self._rest + received).split(b"\n")
        return [json.loads(line) for line in lines]
