"""A series of one number a step, cut in time: what is predicted in one part has no part in the training before it."""

from __future__ import annotations

import bisect
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.core.loaders import TensorLoader
from netyard.data.core.module import DataModule
from netyard.data.core.orders import Order
from netyard.data.core.table_inputs import require_columns
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.csv_reader import Table, read_table
from netyard.errors import ConfigError, DataError, PlatformError
from netyard.ranges.bounds import Count


@dataclass
class Windows:
    """Every window of a stretch of a series, a step apart: the past, and what came next.

    series: float32 (T,). x: (N, window, 1) and y: (N, horizon), views of it: a window costs no memory.
    """

    series: Tensor
    window: int
    horizon: int

    def __post_init__(self) -> None:
        both = self.series.unfold(0, self.window + self.horizon, 1)  # (N, window + horizon)
        self.x, self.y = both[:, : self.window, None], both[:, self.window :]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> TensorSplit:
        return TensorSplit(self.x[index], self.y[index])

    def to(self, device: torch.device) -> Windows:
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
        return self.content


@dataclass(kw_only=True, eq=False, repr=False)
class Series(DataModule):
    """One column of a CSV file whose rows are the steps, in order of time, as batches of windows.

    x: float32 (B, window, 1), the past; y: float32 (B, horizon), what came next; both in the series' own units. The
    first part of the series trains, the next validates, the last tests. A window belongs to the part that all its
    targets lie in; its past may reach back into the part before, for by then it is known.

    Raises:
        DataError: no such file or column; a step without a number; a series too short, or without change.
        ConfigError: a window, horizon, season or fraction that makes no sense.
        PlatformError: the package that carries the file is not installed.
    """

    path: str
    column: str
    package: str | None = None
    """An installed package that carries the file; the path then starts in it."""
    window: Count
    """Steps seen."""
    horizon: Count
    """Steps predicted."""
    season: Count = 1
    """Steps after which the series resembles itself; 1: it has no season."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("window", "horizon", "season"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"data.{name} is {getattr(self, name)};", "it counts steps, at least 1;", f"try data.{name}=1."
                )
        for name in ("val_fraction", "test_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    f"data.{name} is {getattr(self, name)};", "it must be above 0 and below 1;", f"try data.{name}=0.2."
                )
        if self.season > self.window:
            raise ConfigError(
                f"data.season is {self.season} and data.window {self.window};",
                "the window must hold one season, for the seasonal naive forecast repeats it;",
                f"try data.window={self.season}, or data.season=1.",
            )
        if self.input_shape not in (None, [self.window, 1]) or self.num_targets not in (None, self.horizon):
            raise ConfigError(
                f"data.input_shape is {self.input_shape} and data.num_targets {self.num_targets};",
                "data.sequence_length, data.input_size and data.num_targets are facts, not choices;",
                f"leave them as the data's yaml has them, and try data.window={self.window}.",
            )

    def read(self) -> dict[str, Split]:
        series, what = self._column()
        train, val, _ = self._lengths(len(series))
        self._check_long_enough(len(series), what)
        self._measured = self._measure_training(series[:train].double(), what)
        ends = {"train": (0, train), "val": (train, train + val), "test": (train + val, len(series))}
        return {
            name: Windows(series[max(begin - self.window, 0) : end], self.window, self.horizon)
            for name, (begin, end) in ends.items()
        }

    def inputs(self, where: str) -> Inputs:
        """The last window of a series of the user's own: one input, which the steps after its end are predicted of.

        Raises:
            DataError: no such file or column, a step without a number, fewer steps than a window.
        """
        table = read_table(Path(where).expanduser(), "input")
        require_columns(table, [self.column])
        series, what = self._numbers(table)
        if len(series) < self.window:
            raise DataError(
                f"{what} has {len(series)} steps;",
                f"the network looks back over {self.window};",
                "give it a longer series.",
            )
        window = InputBatch([str(table.path)], series[None, -self.window :, None])
        return Inputs("file", iter([window]), 1)

    def series_statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, std and MASE's scale of the training part: three float32 scalars.

        The scale is the mean absolute error, within that part, of forecasting each value by the one a season before
        (Hyndman & Koehler 2006, "Another look at measures of forecast accuracy", section 3).
        """
        self.setup()
        return self._measured

    def _lengths(self, steps: int) -> tuple[int, int, int]:
        """Steps to train, to validate and to test on."""
        test = round(steps * self.test_fraction)
        val = round((steps - test) * self.val_fraction)
        return steps - test - val, val, test

    def check_split(self, name: str, split: Split) -> None:
        """Nothing: each value was looked at once when it was read, and would be here in every window."""

    def _check_long_enough(self, steps: int, what: str) -> None:
        def enough(steps: int) -> bool:
            train, val, test = self._lengths(steps)
            return train >= self.window + self.horizon and min(val, test) >= self.horizon

        if enough(steps):
            return
        train, val, test = self._lengths(steps)
        least = bisect.bisect_left(range(2**62), True, key=enough)
        horizon = min(self.horizon, val, test)
        window = min(self.window, train - horizon)
        fits = horizon >= 1 and window >= self.season
        raise DataError(
            f"{what} has {steps} steps: {train} to train, {val} to validate and {test} to test;",
            f"a window of {self.window} steps and a horizon of {self.horizon} need {least} in all: "
            "training holds both, validation and test a horizon each;",
            f"try data.window={window} data.horizon={horizon}." if fits else "give it a longer series.",
        )

    def _measure_training(self, train: Tensor, what: str) -> tuple[Tensor, Tensor, Tensor]:
        """See ``series_statistics``; refuses a part on whose scale no error can be measured."""
        if bool((train == train[0]).all()):
            raise DataError(
                f"{what} is {train[0]:g} at each of its {len(train)} training steps;",
                "without change there is nothing to learn, and no scale to measure errors on;",
                "try another data.column.",
            )
        scale = (train[self.season :] - train[: -self.season]).abs().mean()
        if not scale > 0:
            raise DataError(
                f"{what} repeats itself exactly every {self.season} steps of training;",
                "MASE divides by the error of the seasonal naive forecast, which makes none here;",
                "try data.season=1.",
            )
        return train.mean().float(), train.std(correction=0).float(), scale.float()

    def _column(self) -> tuple[Tensor, str]:
        """The series (T,), and what to call it in a message."""
        return self._numbers(self._table())

    def _numbers(self, table: Table) -> tuple[Tensor, str]:
        cells, what = table.column(self.column, "column"), f"column {self.column!r} of {table.path}"
        _check_no_gap(table)
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
        # Else rounding would pass for a part of the series.
        if (series - exact).abs().max() > 0.001 * (exact.max() - exact.min()) > 0:
            raise DataError(
                f"{what} changes too little for its size, around {exact.mean():.10g};",
                "a batch holds 32-bit numbers, of about seven digits;",
                "subtract what all the values share.",
            )
        return series, what

    def _table(self) -> Table:
        path = Path(self.path).expanduser()
        if self.package is not None:
            spec = importlib.util.find_spec(self.package)  # finds it without the seconds that importing it may take
            if spec is None or not spec.submodule_search_locations:
                raise PlatformError(
                    f"the package {self.package}, which carries {self.path}, is not installed;",
                    "data.package is a package that Python can import;",
                    f"try pip install {self.package}.",
                )
            path = Path(spec.submodule_search_locations[0]) / path
        return read_table(path)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _check_no_gap(table: Table) -> None:
    """Refuse a blank line between two rows: a table may skip it, but in a series it is a step that is missing."""
    for row in np.flatnonzero(np.diff(table.lines, prepend=1) > 1).tolist():
        breaks = sum(cells[row].count("\n") for cells in table.columns.values())  # lines of one quoted cell
        first = table.lines[row] - breaks
        if first > (table.lines[row - 1] if row else 1) + 1:
            raise DataError(
                f"line {first - 1} of {table.path} is blank, between two rows;",
                "a series has a finite number at every step;",
                "fill that line in, or take it out.",
            )
