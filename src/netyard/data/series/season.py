"""The season of a series, and what its training part says about the settings. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from netyard.data.series.frequency import Frequency
from netyard.data.tables.csv_reader import typed
from netyard.io.readable import listed

_LEAST = 0.2  # autocorrelation of a season that is taken
_CLEAR = 0.5  # of one that is proposed where no frequency speaks for it
_MANY_ZEROS = 0.4
_MOST_SERIES, _MOST_STEPS, _MOST_LAGS = 50, 20_000, 1000  # that a season is looked for in


def autocorrelations(series: Sequence[np.ndarray], most: int) -> np.ndarray:
    """The mean correlation of the changes of series with those some steps before, of 0 to ``most``: (most + 1,).

    Changes have no trend. Series that are too short for ``most`` do not count.
    """
    found = []
    for values in series[:_MOST_SERIES]:
        changes = np.diff(values[-_MOST_STEPS:])
        changes = changes - changes.mean() if len(changes) else changes
        spread = float(np.square(changes).sum())
        if len(changes) > 2 * most and spread > 0:
            # By the Fourier transform, padded so that the end is not correlated with the beginning.
            power = np.abs(np.fft.rfft(changes, 2 * len(changes))) ** 2
            found.append(np.fft.irfft(power)[: most + 1] / spread)
    return np.mean(found, axis=0) if found else np.zeros(most + 1)


def choose(
    frequency: Frequency | None, series: Sequence[np.ndarray], window: int, given: int | None
) -> tuple[int, str]:
    """The season in steps, and a sentence about it, which may be empty.

    Args:
        series: the training part of each.
        given: the season that the user has set; None: that of the frequency, if the series shows it.
    """
    usual = frequency.season if frequency is not None else 1
    near = autocorrelations(series, usual + 1)[usual - 1 :] if usual > 1 else np.zeros(3)
    # Changes that grow are correlated at every lag; a season is a peak.
    shown = float(near[1]) if near[1] >= max(near[0], near[2]) else 0.0
    if given is not None:
        if given == 1 and usual > 1 and shown >= _LEAST and frequency is not None:
            return given, (
                f"data.season is 1, and the series of {frequency.name} has a season of {usual} steps (autocorrelation "
                f"of changes {shown:.2f}); try data.season={usual}" + f" data.window={usual}" * (window < usual)
            )
        return given, ""
    if frequency is not None and shown >= _LEAST:
        if usual <= window:
            return usual, f"season of {usual} {frequency.name.split(',')[0]}, by the frequency (data.season=1: none)"
        return 1, (
            f"the series of {frequency.name} has a season of {usual} steps, and data.window is {window}; "
            f"try data.season={usual} data.window={usual}"
        )
    found = _peak(series, window)
    if found is not None:
        return 1, f"the series seems to have a season of {found} steps; try data.season={found}"
    return 1, ""


def _peak(series: Sequence[np.ndarray], window: int) -> int | None:
    """The lag with the highest autocorrelation, if that is clear; a multiple of a shorter one is not taken."""
    most = min(window, min(map(len, series), default=0) // 3, _MOST_LAGS)
    if most < 3:
        return None
    found = autocorrelations(series, most)
    best = found[2:].max()
    for lag in range(2, most):
        if best >= _CLEAR and found[lag] > 0.9 * best and found[lag] >= max(found[lag - 1], found[lag + 1]):
            return lag
    return None


def remarks(training: Mapping[str, Sequence[np.ndarray]]) -> list[str]:
    """Sentences about training parts, by target, that most settings do not suit."""
    found = []
    for name, parts in training.items():
        values = np.concatenate(parts)
        zeros = float((values == 0).mean())
        if zeros >= _MANY_ZEROS and (values >= 0).all():
            found.append(
                f"{zeros:.0%} of the training steps of {name!r} are 0: most of an error of such counts is chance, and "
                "loss=mae forecasts 0 where more than half are; try loss=mse, or sums over longer steps"
            )
    return found


def drift(parts: Sequence[np.ndarray], steps: int) -> float:
    """How far the trend of training parts leads from their mean, in standard deviations: the largest of several series.

    Args:
        steps: from the start of the series to the end of what is forecast.
    """
    distances = [0.0]
    for values in parts:
        spread, count = float(values.std()), len(values)
        if spread > 0 and count > 3:
            slope = float(np.polyfit(np.arange(count), values, 1)[0])
            distances.append(abs(slope) * (steps - count / 2) / spread)
    return max(distances)


def too_short(names: Sequence[str], window: int, horizon: int, longest: int) -> str:
    """Why series are left out whose training part has no window."""
    shown = listed(names, 5)
    way = f"; {typed('window', str(longest - horizon))} would read the longest of them" if longest > horizon else ""
    return f"{shown}: fewer than {window + horizon} training steps, a window and a horizon{way}"
