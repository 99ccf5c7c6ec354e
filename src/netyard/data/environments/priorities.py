"""Sampling of indices in proportion to priorities that change with every update."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # np.ndarray
_BLOCK = 256


class Priorities:
    """Priorities of ``size`` rows, zero at first, in blocks whose sums are stored.

    ``draw`` finds the block, then the row within it; ``set`` sums the changed blocks again. Both take a few array
    operations for a whole batch, where a sum tree (Schaul et al. 2015) takes one for each level. No sum is updated by
    a difference, so rounding errors do not accumulate.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        # float64: a float32 sum over a million priorities would lose the small ones.
        self._values = np.zeros((-(-size // _BLOCK), _BLOCK))
        self._flat = self._values.reshape(-1)
        self._sums = np.zeros(len(self._values))

    def __getitem__(self, indices: Array) -> Array:
        return self._flat[indices]

    @property
    def total(self) -> float:
        return float(self._sums.sum())

    def set(self, indices: Array, priorities: Array) -> None:
        """Set priorities; for an index that is given twice the last one counts."""
        self._flat[indices] = priorities
        # Summed anew, each changed block once however many of its rows are in the batch.
        blocks = np.unique(indices // _BLOCK)
        self._sums[blocks] = self._values[blocks].sum(axis=1)

    def set_one(self, index: int, priority: float) -> None:
        self._flat[index] = priority
        block = index // _BLOCK
        self._sums[block] = self._values[block].sum()

    def draw(self, uniform: Array) -> Array:
        """An index for each number in [0, 1), by the inverse of the cumulative priorities; int64 (B,)."""
        ends = self._sums.cumsum()
        targets = uniform * ends[-1]
        blocks = np.minimum(np.searchsorted(ends, targets, side="right"), len(ends) - 1)
        within = self._values[blocks].cumsum(axis=1)
        rest = targets - (ends[blocks] - self._sums[blocks])
        # Rounding may exceed a block's sum: then its last index with a priority above 0 is drawn.
        rest = np.minimum(rest, np.nextafter(within[:, -1], 0.0))
        return blocks * _BLOCK + (within <= rest[:, None]).sum(axis=1)

    def values(self) -> Array:
        """All priorities, (size,)."""
        return self._flat[: self.size]
