"""A time series with one number per step, split by time: validation and test steps follow all training steps."""

from __future__ import annotations

import bisect
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.core.loaders import TensorLoader
from netyard.data.core.module import DataModule
from netyard.data.core.orders import Order
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.csv_reader import Table, read_table, require_columns
from netyard.errors import ConfigError, DataError, PlatformError
from netyard.ranges.bounds import Count

_PORTION = 4096  # windows in memory


@dataclass
class Windows:
    """All windows of a section of a series, at every step: the past as x, and the following steps as y.

    series: float32 (T,). x: (N, window, 1) and y: (N, horizon) with N = T - window - horizon + 1.
    """

    series: Tensor
    window: int
    horizon: int

    def __post_init__(self) -> None:
        # Views of the series: overlapping windows take no additional memory.
        both = self.series.unfold(0, self.window + self.horizon, 1)  # (N, window + horizon)
        self.x, self.y = both[:, : self.window, None], both[:, self.window :]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> TensorSplit:
        return TensorSplit(self.x[index], self.y[index])

    def to(self, device: torch.device) -> Windows:
        # Moves the series and not x and y, whose copies would be window + horizon times as large.
        return Windows(self.series.to(device), self.window, self.horizon)

    def loader(self, order: Order, training: bool) -> TensorLoader:
        return TensorLoader(self.x, self.y, order)

    @property
    def device(self) -> torch.device:
        return self.series.device

    @property
    def num_bytes(self) -> int:
        return self.series.nbytes

    @property
    def content(self) -> dict[str, Any]:
        return {"series": self.series, "window": self.window, "horizon": self.horizon}

    @property
    def identity(self) -> dict[str, Any]:
        return self.content  # parsed from text, not computed: equal on all machines


@dataclass(kw_only=True, eq=False, repr=False)
class Series(DataModule):
    """A column of a CSV file, whose rows are steps in order of time, as batches of windows.

    x: float32 (B, window, 1), the past; y: float32 (B, horizon), the following steps; both in the series' own units.
    The series is split in order: training, validation, test. A window is in the split of its targets; its past may be
    in the previous split, because it is known when the forecast is made.

    Raises:
        DataError: there is no such file or column; a step without a number; the series is too short or constant.
        ConfigError: window, horizon, season or a fraction is out of range.
        PlatformError: the package that contains the file is not installed.
    """

    UNIT: ClassVar[str] = "windows"

    GIVEN = ("path", "windows")

    path: str
    test_path: str | None = None
    """Another file, all steps of which are the test split. None: the end of ``path``."""
    val_path: str | None = None
    """The same for validation."""
    column: str
    package: str | None = None
    """An installed package that contains the file; ``path`` is then relative to its folder."""
    window: Count
    """Number of past steps that the network reads."""
    horizon: Count
    """Number of steps to forecast."""
    season: Count = 1
    """Period of the series in steps; 1: not seasonal."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.season > self.window:
            raise ConfigError(
                f"data.season is {self.season} and data.window {self.window};",
                "the window must include a season, because the seasonal naive forecast repeats it;",
                f"try data.window={self.season}, or data.season=1.",
            )
        if self.input_shape not in (None, [self.window, 1]) or self.num_targets not in (None, self.horizon):
            raise ConfigError(
                f"data.input_shape is {self.input_shape} and data.num_targets {self.num_targets};",
                "data.sequence_length, data.input_size and data.num_targets follow from window and horizon;",
                f"leave them as the data's yaml has them, and try data.window={self.window}.",
            )

    def read(self) -> dict[str, Split]:
        series, what = self._column()
        if self.tests_all:
            return self.everything(self._whole(series, what), str(Path(self.path).expanduser()))
        train, val, _ = self._lengths(len(series))
        self._check_length(len(series), what)
        # Statistics of the training steps only: later ones are unknown at that time.
        self._training_statistics = self._measure_training(series[:train].double(), what)
        ends = {"train": (0, train), "val": (train, train + val), "test": (train + val, len(series))}
        ends = {name: (begin, end) for name, (begin, end) in ends.items() if end > begin}
        self.sources = {name: f"steps {begin + 1:,} to {end:,} of {what}" for name, (begin, end) in ends.items()}
        # Each section begins one window earlier, so that its first step can be forecast.
        cut: dict[str, Split] = {
            name: Windows(series[max(begin - self.window, 0) : end], self.window, self.horizon)
            for name, (begin, end) in ends.items()
        }
        for name, path in self.separate.items():
            cut[name] = self._whole(*self._numbers(read_table(Path(path).expanduser(), f"data.{name}_path")))
            self.sources[name] = path
        return cut

    def _whole(self, series: Tensor, what: str) -> Windows:
        """All windows of a series that is in one split.

        Raises:
            DataError: it is too short for one.
        """
        needed = self.window + self.horizon
        if len(series) < needed:
            raise DataError(
                f"{what} has {len(series)} steps;",
                f"a window of {self.window} steps and a horizon of {self.horizon} need {needed};",
                "use a longer series.",
            )
        return Windows(series, self.window, self.horizon)

    every_window = False
    """Whether ``inputs`` are all windows of a series, of a task that forecasts nothing."""

    def inputs(self, where: str) -> Inputs:
        """The last window of a series to predict, as one input: the forecast is for the steps after its end.

        With ``every_window`` all windows, one that ends at each step; each has the number of that step, from 0.

        Raises:
            DataError: there is no such file or column, a step without a number, or fewer steps than a window.
        """
        table = read_table(Path(where).expanduser(), "input")
        require_columns(table, [self.column])  # others, such as dates, are ignored
        series, what = self._numbers(table)
        if len(series) < self.window:
            raise DataError(
                f"{what} has {len(series)} steps;",
                f"the network reads a window of {self.window};",
                "use a longer series.",
            )
        if self.every_window:
            windows = series.unfold(0, self.window, 1)[..., None]  # (T - window + 1, window, 1), a view
            ends = range(self.window - 1, len(series))
            starts = range(0, len(windows), _PORTION)
            parts = (InputBatch(ends[at : at + _PORTION], windows[at : at + _PORTION]) for at in starts)
            return Inputs("last_step", parts, len(windows))
        window = InputBatch([str(table.path)], series[None, -self.window :, None])  # (1, window, 1)
        return Inputs("file", iter([window]), 1)

    def series_statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, std and scale of MASE, measured on the training split: three float32 scalars.

        The scale is the mean absolute error of the seasonal naive forecast, which repeats the value one season before
        (Hyndman & Koehler 2006, "Another look at measures of forecast accuracy", section 3).
        """
        self.setup()
        return self._training_statistics

    def _lengths(self, steps: int) -> tuple[int, int, int]:
        """Numbers of steps of the training, validation and test split."""
        test = 0 if "test" in self.separate else round(steps * self.test_fraction)
        val = 0 if "val" in self.separate else round((steps - test) * self.val_fraction)
        return steps - test - val, val, test  # val_fraction is a fraction of what the test split leaves

    def check_split(self, name: str, split: Split) -> None:
        """Nothing: each value was looked at once when it was read, and would be here in every window."""

    def _check_length(self, steps: int, what: str) -> None:
        """Raise DataError if a split is too short for one window."""

        cut = [name for name in ("val", "test") if name not in self.separate and self.splitter.cuts(name)]

        def enough(steps: int) -> bool:
            train, val, test = self._lengths(steps)
            held_out = [length for name, length in (("val", val), ("test", test)) if name in cut]
            return train >= self.window + self.horizon and min(held_out, default=self.horizon) >= self.horizon

        if enough(steps):
            return
        train, val, test = self._lengths(steps)
        # Rounding of the fractions has no simple inverse; ``enough`` is monotonic, so bisection finds the minimum.
        min_steps = bisect.bisect_left(range(2**62), True, key=enough)
        horizon = min([self.horizon, *[length for name, length in (("val", val), ("test", test)) if name in cut]])
        window = min(self.window, train - horizon)  # the training split needs both
        fits = horizon >= 1 and window >= self.season
        raise DataError(
            f"{what} has {steps} steps: {train} to train, {val} to validate and {test} to test;",
            f"a window of {self.window} steps and a horizon of {self.horizon} need {min_steps} in all: "
            "both for training, and a horizon each for validation and test;",
            f"try data.window={window} data.horizon={horizon}." if fits else "use a longer series.",
        )

    def _measure_training(self, train: Tensor, what: str) -> tuple[Tensor, Tensor, Tensor]:
        """The values of ``series_statistics``, from the training steps in float64 (T,).

        Raises:
            DataError: the series is constant, or exactly periodic, so that the scale of MASE is 0.
        """
        if bool((train == train[0]).all()):
            raise DataError(
                f"{what} is {train[0]:g} at each of its {len(train)} training steps;",
                "a constant series has nothing to learn, and no scale for its errors;",
                "try another data.column.",
            )
        # |y_t - y_(t - season)|, the denominator of MASE.
        scale = (train[self.season :] - train[: -self.season]).abs().mean()
        if not scale > 0:
            raise DataError(
                f"{what} repeats itself exactly every {self.season} steps of training;",
                "MASE divides by the error of the seasonal naive forecast, which is 0 here;",
                "try data.season=1.",
            )
        # Rounded to float32 at the end only: a sum of many float32 numbers loses digits.
        return train.mean().float(), train.std(correction=0).float(), scale.float()

    def _column(self) -> tuple[Tensor, str]:
        """The series (T,), and its description for messages."""
        return self._numbers(self._table())

    def _numbers(self, table: Table) -> tuple[Tensor, str]:
        cells, what = table.column(self.column, "column"), f"column {self.column!r} of {table.path}"
        _check_no_gap(table)
        # In float64 first, to see below what float32 loses.
        exact = torch.tensor([_number(cell) for cell in cells], dtype=torch.float64)
        series = exact.float()
        bad = (~series.isfinite()).nonzero()
        if len(bad):
            cell = cells[int(bad[0])]
            raise DataError(
                f"line {table.lines[int(bad[0])]} of {what} is {repr(cell) if cell else 'empty'};",
                "a series has a finite number at every step;",
                "repair that line, or try another data.column.",
            )
        # A small range at a large offset (such as 1e9 + sin t) is lost in float32: the network would learn rounding
        # errors. The second comparison lets constant series pass, which have a message of their own.
        if (series - exact).abs().max() > 0.001 * (exact.max() - exact.min()) > 0:
            raise DataError(
                f"the changes of {what} are too small compared with its values of about {exact.mean():.10g};",
                "samples are 32-bit floats, which have about seven digits;",
                "subtract a constant from all values.",
            )
        return series, what

    def _table(self) -> Table:
        path = Path(self.path).expanduser()
        if self.package is not None:
            spec = importlib.util.find_spec(self.package)  # finds it without the seconds that importing it may take
            if spec is None or not spec.submodule_search_locations:
                raise PlatformError(
                    f"the package {self.package}, which contains {self.path}, is not installed;",
                    "data.package is a package that Python can import;",
                    f"try pip install {self.package}.",
                )
            path = Path(spec.submodule_search_locations[0]) / path
        return read_table(path)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")  # refused together with NaN and infinity of the file


def _check_no_gap(table: Table) -> None:
    """Raise DataError if there is a blank line between two rows.

    ``read_table`` ignores blank lines, but in a series one is a missing step, and later steps would move.
    """
    # Line numbers that increase by more than 1; the first line has the column names.
    for row in np.flatnonzero(np.diff(table.lines, prepend=1) > 1).tolist():
        breaks = sum(cells[row].count("\n") for cells in table.columns.values())  # lines of one quoted cell
        first = table.lines[row] - breaks
        if first > (table.lines[row - 1] if row else 1) + 1:
            raise DataError(
                f"line {first - 1} of {table.path} is blank, between two rows;",
                "a series has a finite number at every step;",
                "fill that line in, or take it out.",
            )
