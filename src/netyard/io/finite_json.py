"""JSON has no NaN and no infinity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """The value for JSON, where NaN and infinity do not exist: they become null."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value
