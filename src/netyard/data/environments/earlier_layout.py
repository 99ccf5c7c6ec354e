"""The layout of observations in runs that recorded none: those of earlier versions, and of data sets in ``conf/``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from netyard.data.environments.layout import Layout, Part, layout_of

_SMALLEST_PICTURE = 8
_MOST_PLANES = 4  # an array (H, W, C) with at most so many channels is an image


def earlier_layout(id: str, space: Any, num_actions: int) -> Layout:
    """Pictures of less than 8 pixels a side are as they come, matrices have a channel, nothing is scaled."""
    if not isinstance(space, spaces.Box) or space.shape == ():
        parts = layout_of(id, space, num_actions).parts
        return Layout(id, [Part(**_unscaled(part)) for part in parts])
    shape, dtype = space.shape, space.dtype
    axes = [0, 1] if len(shape) == 2 else []
    if len(shape) == 3 and min(shape[:2]) >= _SMALLEST_PICTURE and (shape[2] <= _MOST_PLANES or dtype == np.bool_):
        axes = [2, 0, 1]
    stored = str(dtype) if dtype in (np.uint8, np.bool_) else "float32"
    kind: Any = "numbers" if len(shape) == 1 and stored == "float32" else "picture"
    return Layout(id, [Part([], kind, list(shape), stored, axes=axes)])


def _unscaled(part: Part) -> dict[str, Any]:
    kept = ("key", "shape", "low", "high", "sizes", "start")
    kind = "one_hot" if part.kind == "one_hot" else "numbers"
    return {name: getattr(part, name) for name in kept} | {"kind": kind, "dtype": "float32"}
