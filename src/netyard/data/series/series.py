"""Series of a CSV file, split by time: validation and test steps follow all training steps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.inputs import Inputs
from netyard.data.core.tensors import Split
from netyard.data.series import forecast_table
from netyard.data.series.channels import Channels
from netyard.data.series.forecast_table import ForecastTable
from netyard.data.series.frame import FUTURE, columns_summary, read_frame
from netyard.data.series.season import choose, drift, remarks, too_short
from netyard.data.series.series_fields import SeriesFields
from netyard.data.series.tracks import Frame, Known, Track
from netyard.data.series.training_statistics import measure
from netyard.data.series.windows import ChannelWindows, Windows
from netyard.errors import DataError
from netyard.io.readable import listed

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class Series(SeriesFields):
    """Columns of a CSV file as batches of windows; rows are steps, in order of their dates.

    x: float32 (B, window, C), the past; y: float32 (B, columns * horizon), the following steps, column by column; both
    in the series' own units. With covariates or a calendar that are known in advance x is (B, window + horizon, C). See
    ``Channels`` for the order of the C channels; one series of one column has C = 1.

    All series are split at the same dates, in order: training, validation, test. A window is in the split of its
    targets; its past may be in the previous split, because it is known when the forecast is made.

    Raises:
        DataError: see ``read_frame``; the series is too short or constant.
        ConfigError: window, horizon, season or a fraction is out of range; a column has two meanings.
        PlatformError: the package that contains the file is not installed.
    """

    every_window = False
    """Whether ``inputs`` are all windows of a series, of a task that forecasts nothing."""

    @property
    def level_drift(self) -> float:
        """How far the trend of the training part leads from its mean until the end, in standard deviations."""
        self.setup()
        return self._drift

    def series_statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, std and scale of MASE, measured on the training split: float32 scalars.

        Of several series or columns: (series, columns). The scale is the mean absolute error of the seasonal naive
        forecast, which repeats the value one season before (Hyndman & Koehler 2006, "Another look at measures of
        forecast accuracy", section 3).
        """
        self.setup()
        assert self._statistics is not None  # of a setup that does not test all
        return self._statistics.targets

    def covariate_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and std of the other channels over the training steps of all series: two float32 (channels,)."""
        self.setup()
        assert self._statistics is not None
        return self._statistics.covariates

    def read(self) -> dict[str, Split]:
        frame = read_frame(self.settings(), self._known)
        self._frame, self._remarks = frame, []
        if self.calendar and frame.frequency is None:
            raise _no_calendar(frame)
        for what, count, why in frame.left_out:
            self.leave_out(what, count, why)
        if self.tests_all:
            tracks = self._of_run(frame)
            self._shape(frame, tracks)
            return self.everything(self._whole("test", frame, tracks), str(self.settings().table().path))
        splits = self._cut(frame)
        for name, path in self.separate.items():
            known = self._learned()
            other = read_frame(self.settings(path=path, package=None, key=f"data.{name}_path"), known)
            splits[name] = cast(Split, self._whole(name, other, self._of_run(other)))
            self.sources[name] = path
        return splits

    def _cut(self, frame: Frame) -> dict[str, Split]:
        """Training, validation and test windows of all series, cut at the same steps."""
        tracks, lengths = self._of_run(frame), self.lengths()
        begin = min(track.first for track in tracks)
        end = max(track.first + track.known for track in tracks)
        train, val, _ = lengths.of(end - begin)
        self._require_dates(frame, tracks)
        lengths.require(end - begin, self._what(frame))
        cuts = {"train": (begin, begin + train), "val": (begin + train, begin + train + val)}
        cuts = {**cuts, "test": (begin + train + val, end)}
        tracks = self._trainable(frame, tracks, begin + train)
        if self.season is None:
            self.season = self._choose_season(frame, tracks, begin + train)
        self.series_names = [track.name for track in tracks]
        if not self._is_trained:
            self.layout = Channels.learn(frame, tracks, begin + train, self.calendar, len(tracks) > 1)
        self._shape(frame, tracks)
        encoded = self.encode(frame, tracks)
        what = self._what(frame)
        training = [
            each[: max(begin + train - track.first, 0)].astype(np.float64)
            for each, track in zip(encoded, tracks, strict=True)
        ]
        self._statistics = measure(training, self.layout, self.season or 1, what, self.target_columns)
        self._say(frame, tracks, begin + train, end - begin)
        found: dict[str, Split] = {}
        for name, (first, last) in cuts.items():
            if last <= first:
                continue
            found[name] = cast(Split, self._section(name, frame, tracks, encoded, first, last))
            self.sources[name] = self._source(frame, begin, first, last, what)
            if not len(found[name]):
                raise DataError(
                    f"no series has {self.window + self.horizon} steps that end in the {name} part of {what};",
                    f"it is {self.sources[name]};",
                    f"try a larger data.{'test' if name == 'test' else 'val'}_fraction, or a shorter data.horizon.",
                )
        return found

    def _of_run(self, frame: Frame) -> list[Track]:
        """The series of a file that the run knows, in its order; all of them for a new run.

        Raises:
            DataError: there is none.
        """
        if not self.series_names:
            return frame.tracks
        by_name = {track.name: track for track in frame.tracks}
        if new := [name for name in by_name if name not in self.series_names]:
            shown = listed(new, 5)
            self.leave_out(
                "series", len(new), f"{shown}: the run was not trained on them, and does not know their scale"
            )
        found = [by_name[name] for name in self.series_names if name in by_name]
        if not found:
            raise DataError(
                f"{frame.table.path} has the series {', '.join([*by_name][:8])};",
                f"the run was trained on {', '.join(self.series_names[:8])}, and knows the scales of these alone;",
                "give a file with one of them, or train a new run.",
            )
        return found

    def _require_dates(self, frame: Frame, tracks: Sequence[Track]) -> None:
        """Refuse series of different lengths without dates: their steps cannot be matched."""
        if frame.frequency is None and len({(track.first, track.known) for track in tracks}) > 1:
            raise DataError(
                f"the series of {frame.table.path} have different lengths, and no dates;",
                "series are split at the same dates;",
                "try data.date=COLUMN.",
            )

    def _trainable(self, frame: Frame, tracks: list[Track], until: int) -> list[Track]:
        """The series that have a training window and are not constant there."""
        if len(tracks) == 1 or self._is_trained:
            return tracks
        least = self.window + self.horizon
        spans = {track.name: min(until - track.first, track.known) for track in tracks}
        if short := [name for name, steps in spans.items() if steps < least]:
            longest = max(spans[name] for name in short)
            self.leave_out("series", len(short), too_short(short, self.window, self.horizon, longest))
        rest = [track for track in tracks if spans[track.name] >= least]
        if not rest:
            raise DataError(
                f"no series of {frame.table.path} has {least} training steps; the longest has {max(spans.values())};",
                f"a window of {self.window} steps and a horizon of {self.horizon} need as many;",
                "try a shorter data.window and data.horizon.",
            )
        constant = [
            track.name
            for track in rest
            if any(np.ptp(track.numbers[name][: spans[track.name]]) == 0 for name in self.layout.columns("target"))
        ]
        if constant:
            shown = listed(constant, 5)
            self.leave_out("series", len(constant), f"{shown}: constant in training, which has no scale for errors")
        kept = [track for track in rest if track.name not in constant]
        if not kept:
            raise DataError(
                f"each series of {frame.table.path} is constant in its training steps;",
                "a constant series has nothing to learn, and no scale for its errors;",
                "try another data.column.",
            )
        return kept

    def _choose_season(self, frame: Frame, tracks: Sequence[Track], until: int) -> int:
        column = self.layout.columns("target")[0]
        parts = [track.numbers[column][: max(until - track.first, 0)] for track in tracks]
        season, sentence = choose(frame.frequency, parts, self.window, None)
        if sentence:
            self._remarks.append(sentence)
        return season

    def _say(self, frame: Frame, tracks: Sequence[Track], until: int, steps: int) -> None:
        """Collect what the training part says about the settings."""
        parts = {
            name: [track.numbers[name][: max(until - track.first, 0)] for track in tracks]
            for name in self.layout.columns("target")
        }
        if self._season_chosen is not None:
            first = next(iter(parts.values()))
            sentence = choose(frame.frequency, first, self.window, self._season_chosen)[1]
            self._remarks += [sentence] * bool(sentence)
        self._remarks += remarks(parts)
        self._drift = max(drift(each, steps) for each in parts.values())

    def _what(self, frame: Frame) -> str:
        names = self.target_columns
        of = f", the longest of {len(frame.tracks)} series" if len(frame.tracks) > 1 else ""
        column = f"column {names[0]!r}" if len(names) == 1 else f"columns {', '.join(map(repr, names))}"
        return f"{column} of {frame.table.path}{of}"

    def _source(self, frame: Frame, begin: int, first: int, last: int, what: str) -> str:
        what = what.split(", the longest of ")[0]
        if frame.frequency is None:
            return f"steps {first - begin + 1:,} to {last - begin:,} of {what}"
        dates = frame.date_texts([first, last - 1])
        count = f"{len(self.series_names)} series of " if len(self.series_names) > 1 else ""
        return f"{dates[0]} to {dates[1]}, {last - first:,} {frame.frequency.name.split(',')[0]}, {count}{what}"

    def encode(self, frame: Frame, tracks: Sequence[Track], more: int = 0) -> list[np.ndarray]:
        """The channels of each series: float32 (T, C).

        Raises:
            DataError: a covariate has no value; the changes of a series are lost in float32.
        """
        found, unseen = [], dict[str, set[str]]()
        for track in tracks:
            number = self.series_names.index(track.name) if self.series_names else 0
            values = self.layout.encode(frame, track, number, more)
            empty = np.flatnonzero(~np.isfinite(values[: track.known]).all(axis=0))
            if len(empty):
                of = f" of {track.name}" if track.name else ""
                raise DataError(
                    f"column {self.layout.all_names[int(empty[0])]!r} of {frame.table.path} has no value{of};",
                    "a covariate has a number, or a word, at every step;",
                    "take it out of the covariates.",
                )
            for name, cells in track.words.items():
                if new := sorted({*cells} - {*self.layout.words[name], ""}):
                    unseen.setdefault(name, set()).update(new)
            for place, name in enumerate(self.layout.columns("target")):
                _require_float32(track.numbers[name][: track.known], values[: track.known, place], name, frame)
            found.append(values)
        for name, words in unseen.items():
            shown = ", ".join(map(repr, sorted(words)[:5]))
            log.warning("%s: training has no %s in column %r: read as empty", frame.table.path, shown, name)
        return found

    def _whole(self, name: str, frame: Frame, tracks: list[Track]) -> Windows | ChannelWindows:
        """All windows of a file that is in one split.

        Raises:
            DataError: no series is long enough for one.
        """
        longest = max(track.known for track in tracks)
        self.lengths().require_window(longest, self._what(frame), self.horizon)
        encoded = self.encode(frame, tracks)
        begin = min(track.first for track in tracks)
        end = max(track.first + track.known for track in tracks)
        return self._section(name, frame, tracks, encoded, begin, end)

    def _section(
        self,
        name: str,
        frame: Frame,
        tracks: Sequence[Track],
        encoded: Sequence[np.ndarray],
        first: int,
        last: int,
    ) -> Windows | ChannelWindows:
        """The windows whose targets are in the steps ``first`` to ``last - 1`` of the calendar."""
        length = self.window + self.horizon
        starts: list[np.ndarray] = []
        places: list[np.ndarray] = []
        offset = 0
        for track, values in zip(tracks, encoded, strict=True):
            # A window begins up to ``window`` steps earlier, so that the first step can be forecast.
            begin = max(track.first, first - self.window)
            end = min(track.first + track.known, last) - length
            found = np.arange(begin, max(end, begin - 1) + 1)
            starts.append(found - track.first + offset)
            places.append(found)
            offset += len(values)
        self._tables[name] = ForecastTable.of_windows(self, frame, tracks, places)
        if self.layout.plain:
            (values,), (index,) = encoded, starts
            series = torch.from_numpy(values[:, 0])
            part = series[int(index[0]) : int(index[-1]) + length] if len(index) else series[:0]
            return Windows(part, self.window, self.horizon)
        joined = torch.from_numpy(np.concatenate(encoded))
        unknown = self.layout.num_targets + self.layout.num_past
        index = torch.from_numpy(np.concatenate(starts))
        ahead = self.layout.num_future > 0
        return ChannelWindows(joined, index, self.window, self.horizon, self.layout.num_targets, unknown, ahead)

    def inputs(self, where: str) -> Inputs:
        """The last window of each series to predict: the forecast is for the steps after its last target.

        With ``every_window`` all windows, one that ends at each step.

        Raises:
            DataError: see ``read_frame``; fewer steps than a window; no rows of the future, for covariates of them.
        """
        frame = read_frame(self.settings(path=where, package=None, key="input"), self._known or Known())
        tracks = self._of_run(frame)
        for sentence in frame.notes:
            # Rows that are taken as they are, although something speaks against it, would be a wrong forecast.
            log.log(logging.WARNING if frame.frequency is None else logging.INFO, "%s: %s", where, sentence)
        for what, count, why in frame.left_out:
            # Of them a forecast needs what is known in advance.
            used = "only covariates are read" if why.endswith(FUTURE) and self.layout.num_future else "left out"
            what = what.removesuffix("s") if count == 1 and what != "series" else what
            log.info("%s: %s: %s %s (%s)", where, used, f"{count:,}", what, why)
        for each in self.left_out:
            log.warning("%s: left out: %s %s (%s)", where, each["count"], each["what"], each["why"])
        return forecast_table.inputs(self, frame, tracks)

    def test_inputs(self) -> Inputs:
        found = super().test_inputs()
        self.setup()
        return self._tables["test"].of_test(found)

    def forecast_dates(self, name: str, past: Tensor) -> list[str] | None:
        """The dates of the last window of a split and of the steps after it, of which ``past`` are its first target's.

        None without dates, or if these are the values of another window.
        """
        table = self._tables.get(name)
        return None if table is None else table.last_dates(past, self._splits[name])

    def example_inputs(self, count: int, steps: int | None = None) -> Tensor:
        found = super().example_inputs(count, steps)
        if self.layout.marked:
            found[..., -1] = torch.arange(count)[:, None] % max(len(self.series_names), 1)
        return found

    def check_split(self, name: str, split: Split) -> None:
        """Nothing: each value was looked at once when it was read, and would be here in every window."""

    def summary(self) -> dict[str, Any]:
        """The base class's, with ``columns``; ``file``: how it was read; ``series``: frequency, names and season."""
        found = super().summary()
        frame = self._frame
        assert frame is not None  # of ``setup``
        said = [*found.get("remarks", []), *frame.notes, *self._remarks]
        return {
            **found,
            "columns": columns_summary(frame, self.settings().ids),
            "file": frame.table.format,
            "series": self.describe_series(),
            **({"remarks": said} if said else {}),
        }


def _require_float32(exact: np.ndarray, stored: np.ndarray, name: str, frame: Frame) -> None:
    """Refuse a small range at a large offset (such as 1e9 + sin t): float32 would have rounding errors alone."""
    # The second comparison lets constant series pass, which have a message of their own.
    if np.abs(stored - exact).max() > 0.001 * np.ptp(exact) > 0:
        raise DataError(
            f"the changes of column {name!r} of {frame.table.path} are too small compared with its values of about"
            f" {exact.mean():.10g};",
            "samples are 32-bit floats, which have about seven digits;",
            "subtract a constant from all values.",
        )


def _no_calendar(frame: Frame) -> DataError:
    return DataError(
        f"no column of {frame.table.path} is known to have dates, and data.calendar needs them;",
        f"its columns are {', '.join([*frame.table.columns][:20])};",
        "try data.date=COLUMN, or leave data.calendar out.",
    )
