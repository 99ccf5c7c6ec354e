"""Drawing places in proportion to their priorities, which change all the time."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # np.ndarray
_BLOCK = 256


class Priorities:
    """Priorities of ``size`` places, zero at first, in blocks whose sums are kept.

    A draw looks for the block and then within it, a change sums the blocks it touched anew: both are a few array
    operations for a whole batch, where a tree of sums (Schaul et al. 2015) takes as many as it is high. No sum is ever
    changed by a difference, so none drifts.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._values = np.zeros((-(-size // _BLOCK), _BLOCK))
        self._flat = self._values.reshape(-1)
        self._sums = np.zeros(len(self._values))

    def __getitem__(self, places: Array) -> Array:
        return self._flat[places]

    @property
    def total(self) -> float:
        return float(self._sums.sum())

    def set(self, places: Array, priorities: Array) -> None:
        """Of places given twice the last counts."""
        self._flat[places] = priorities
        blocks = np.unique(places // _BLOCK)
        self._sums[blocks] = self._values[blocks].sum(axis=1)

    def set_one(self, place: int, priority: float) -> None:
        self._flat[place] = priority
        block = place // _BLOCK
        self._sums[block] = self._values[block].sum()

    def draw(self, uniform: Array) -> Array:
        """A place for each number in [0, 1), as if all priorities were laid out in a row; int64 (B,)."""
        ends = self._sums.cumsum()
        targets = uniform * ends[-1]
        blocks = np.minimum(np.searchsorted(ends, targets, side="right"), len(ends) - 1)
        within = self._values[blocks].cumsum(axis=1)
        rest = targets - (ends[blocks] - self._sums[blocks])
        # Rounding may point past a block's last priority: the last place that has one is meant.
        rest = np.minimum(rest, np.nextafter(within[:, -1], 0.0))
        return blocks * _BLOCK + (within <= rest[:, None]).sum(axis=1)

    def values(self) -> Array:
        """Of all places, (size,)."""
        return self._flat[: self.size]
