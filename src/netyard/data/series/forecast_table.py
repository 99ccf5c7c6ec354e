"""Predictions of series as rows with dates: one row for each step ahead, and the windows that a file is forecast by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.core.tensors import Split
from netyard.data.series.channels import Channels
from netyard.data.series.lengths import Lengths
from netyard.data.series.settings import SeriesSettings
from netyard.data.series.tracks import SEPARATOR, Frame, Track
from netyard.errors import DataError

_PORTION = 4096  # windows in memory


class SeriesData(Protocol):
    """What a table needs to know of its data set; see ``Series``."""

    window: int
    horizon: int
    layout: Channels
    every_window: bool
    target_columns: list[str]

    def settings(self, **changes: Any) -> SeriesSettings: ...

    def encode(self, frame: Frame, tracks: Sequence[Track], more: int = 0) -> list[np.ndarray]: ...

    def lengths(self) -> Lengths: ...


@dataclass
class ForecastTable:
    """The place of each window in its file."""

    data: SeriesData
    frame: Frame
    names: list[str]
    """Of the series."""
    series: np.ndarray
    """The series of each window, int64 (N,)."""
    starts: np.ndarray
    """The first step of each window, a number of the calendar: int64 (N,)."""

    @classmethod
    def of_windows(
        cls, data: SeriesData, frame: Frame, tracks: Sequence[Track], places: Sequence[np.ndarray]
    ) -> ForecastTable:
        numbers = [np.full(len(each), number) for number, each in enumerate(places)]
        return cls(data, frame, [track.name for track in tracks], np.concatenate(numbers), np.concatenate(places))

    @property
    def is_plain(self) -> bool:
        """Whether a prediction is one row with a column for each step: a column without dates, and nothing else."""
        return self.frame.frequency is None and self.data.layout.plain

    def of_test(self, inputs: Inputs) -> Inputs:
        """The windows of a split, whose rows have the date of the last known step as ``origin``."""
        if self.is_plain:
            return inputs
        return replace(inputs, batches=self._arranged(inputs.batches))

    def _arranged(self, batches: Iterator[InputBatch]) -> Iterator[InputBatch]:
        done = 0
        for batch in batches:
            index = np.arange(done, done + len(batch.x))
            done += len(batch.x)
            yield replace(batch, arrange=partial(self.arrange, index, origin=True))

    def arrange(
        self,
        index: np.ndarray,
        predicted: Mapping[str, Sequence[Any]],
        true: Mapping[str, Sequence[Any]],
        origin: bool = False,
    ) -> dict[str, Sequence[Any]]:
        """The rows of some windows: dates, names of series, and what was predicted.

        Args:
            predicted: by column; of a forecast one column for each step of each target, target by target.
            true: the same of true values; empty if they are unknown.
            origin: whether to have the last known step, too.
        """
        data, frame = self.data, self.frame
        ends = self.starts[index] + data.window  # the first step ahead
        if data.every_window:
            return {**self._keys(ends - 1, self.series[index]), **predicted}
        horizon, targets = data.horizon, data.target_columns
        ahead = np.arange(horizon)
        numbers = (ends[:, None] + ahead).reshape(-1)
        found: dict[str, Sequence[Any]] = {}
        if origin:
            found["origin"] = np.repeat(frame.date_texts(ends - 1), horizon).tolist()
        found |= self._keys(numbers, np.repeat(self.series[index], horizon))
        found["step"] = np.tile(ahead + 1, len(index)).tolist()
        for columns, prefix in ((predicted, ""), (true, "target_")):
            values = [*columns.values()]
            for place, name in enumerate(targets) if values else ():
                part = values[place * horizon : (place + 1) * horizon]
                column = name if prefix or name not in found else f"{name}_forecast"
                found[prefix + column] = np.array(part).T.reshape(-1).tolist()  # (H, B) -> B * H
        return found

    def _keys(self, numbers: np.ndarray, series: np.ndarray) -> dict[str, Sequence[Any]]:
        """The columns ``date``, and those that name the series."""
        found: dict[str, Sequence[Any]] = {}
        if self.frame.frequency is not None:
            found["date"] = self.frame.date_texts(numbers)
        ids = self.data.settings().ids
        for place, column in enumerate(ids):
            cells = [each.split(SEPARATOR)[place] if len(ids) > 1 else each for each in self.names]
            found[column if column not in ("date", "step", "origin") else f"series_{column}"] = [
                cells[number] for number in series.tolist()
            ]
        if not found and self.data.every_window:
            found["last_step"] = numbers.tolist()
        return found

    def last_dates(self, past: Tensor, split: Split) -> list[str] | None:
        """The dates of the last window and the steps after it, if ``past`` (W,) are the values of that window."""
        if self.frame.frequency is None or not len(self.starts):
            return None
        last = split.take(torch.tensor([len(split) - 1], device=split.device))
        known = last.x[0, : self.data.window, 0].float().cpu()  # type: ignore[attr-defined]
        if not torch.equal(known, past.float().cpu()):
            return None
        start = int(self.starts[-1])
        return self.frame.date_texts(np.arange(start, start + self.data.window + self.data.horizon))


def inputs(data: SeriesData, frame: Frame, tracks: Sequence[Track]) -> Inputs:
    """The last window of each series; with ``every_window`` all windows: see ``Series.inputs``."""
    longest = max(track.known for track in tracks)
    what = f"column {data.target_columns[0]!r} of {frame.table.path}"
    data.lengths().require_window(longest, what, 0)
    kept = [track for track in tracks if track.known >= data.window]
    refused = [_too_short(track, frame, data.window) for track in tracks if track.known < data.window]
    channels = data.layout
    ahead = data.horizon if channels.num_future and not data.every_window else 0
    missing = max(ahead - min(len(track) - track.known for track in kept), 0)
    if missing and channels.columns("future"):
        raise _no_future(frame, kept, channels.columns("future"), data.horizon)
    encoded = data.encode(frame, kept, missing)
    unknown = channels.num_targets + channels.num_past
    windows: list[Tensor] = []
    places: list[np.ndarray] = []
    for track, values in zip(kept, encoded, strict=True):
        tensor = torch.from_numpy(values)
        if data.every_window:
            part = tensor[: track.known].unfold(0, data.window, 1).transpose(1, 2)  # (N, window, C), a view
            places.append(track.first + np.arange(len(part)))
        else:
            first = track.known - data.window
            part = tensor[first : track.known + ahead].clone()[None]
            part[:, data.window :, :unknown] = 0.0
            places.append(np.array([track.first + first]))
            _require_known(part[0], channels, frame, track, data.window)
        windows.append(part)
    table = ForecastTable.of_windows(data, frame, kept, places)
    if table.is_plain and not data.every_window:
        return Inputs("file", iter([InputBatch([str(frame.table.path)], windows[0], refused=refused)]), 1)
    total = sum(map(len, windows))
    if table.is_plain:
        ends = range(data.window - 1, len(windows[0]) + data.window - 1)
        starts = range(0, total, _PORTION)
        plain = (InputBatch(ends[at : at + _PORTION], windows[0][at : at + _PORTION]) for at in starts)
        return Inputs("last_step", plain, total)
    return Inputs("row", _batches(table, windows, refused), total + len(refused))


def _batches(table: ForecastTable, windows: Sequence[Tensor], refused: list[DataError]) -> Iterator[InputBatch]:
    done = 0
    for part in windows:
        for first in range(0, len(part), _PORTION):
            x = part[first : first + _PORTION]
            index = np.arange(done, done + len(x))
            done += len(x)
            yield InputBatch(index.tolist(), x, refused=refused, arrange=partial(table.arrange, index))
            refused = []


def _too_short(track: Track, frame: Frame, window: int) -> DataError:
    return DataError(
        f"series {track.name} of {frame.table.path} has {track.known} steps;",
        f"the network reads a window of {window};",
        "give more of its past.",
    )


def _require_known(values: Tensor, channels: Channels, frame: Frame, track: Track, window: int) -> None:
    """Raise DataError if a covariate of a step ahead has no value."""
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        step, channel = bad[0].tolist()
        shown = frame.date_texts([track.first + track.known - window + step])[0]
        raise DataError(
            f"{channels.all_names[channel]!r} has no value at {shown} in {frame.table.path};",
            "a covariate that is known in advance has one at every step of the forecast;",
            "fill it in.",
        )


def _no_future(frame: Frame, tracks: Sequence[Track], columns: Sequence[str], horizon: int) -> DataError:
    least = min(tracks, key=lambda track: len(track) - track.known)
    rows, end = len(least) - least.known, least.first + least.known
    first, last = frame.date_texts([end, end + horizon - 1])
    of = f" of {least.name}" if least.name else ""
    names = ", ".join(columns)
    return DataError(
        f"{frame.table.path} has {rows} row(s) after the last value{of}, and the forecast is for {horizon} steps;",
        f"{names} is known in advance, and read at each of them, {first} to {last};",
        f"add these rows with {names}, and leave the cells of what is forecast empty.",
    )
