"""One value of several rows of a date, and values for steps that a file does not have. Imports no torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from netyard.data.series.settings import Duplicates, Gaps


def combined(values: np.ndarray, rows: Sequence[np.ndarray], how: Duplicates) -> np.ndarray:
    """The value of each date, of which ``rows`` are the indices: float64. Missing cells do not count."""
    if all(len(each) == 1 for each in rows):
        return values[np.concatenate(rows)] if len(rows) else values[:0]
    functions: dict[str, Callable[[np.ndarray], float]] = {"sum": np.nansum, "mean": np.nanmean}
    found = np.empty(len(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, a missing value
        for place, each in enumerate(rows):
            part = values[each]
            if how in functions and not np.isnan(part).all():
                found[place] = functions[how](part)
            else:
                found[place] = part[-1 if how == "last" else 0]
    return found


def filled(values: np.ndarray, gaps: Gaps) -> np.ndarray:
    """Values (T,) in which each NaN has a value by a strategy; all are NaN if none has one."""
    missing = np.isnan(values)
    if gaps == "refuse" or not missing.any():
        return values
    if gaps == "zero":
        return np.where(missing, 0.0, values)
    present = np.flatnonzero(~missing)
    if not len(present):
        return values
    if gaps == "linear":
        return np.interp(np.arange(len(values)), present, values[present])
    # Steps before the first value have that one.
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    return values[np.where(last < 0, present[0], last)]
