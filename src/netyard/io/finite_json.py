"""Replace NaN and infinity, which JSON does not have; Python would write them and other programs fail to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """Return the value with None (null in JSON) for every NaN and infinity in it."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:  # NaN for both, and NaN != 0 is true
        return None
    return value
