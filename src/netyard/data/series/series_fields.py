"""The config fields of series, the shape that follows from them, and what a run remembers of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from netyard.data.core.module import DataModule
from netyard.data.series.calendar import CalendarPart
from netyard.data.series.channels import Channels
from netyard.data.series.dates import DateOrder
from netyard.data.series.forecast_table import ForecastTable
from netyard.data.series.frequency import Frequency
from netyard.data.series.lengths import Lengths
from netyard.data.series.settings import NO_DATE, Duplicates, Gaps, SeriesSettings
from netyard.data.series.tracks import Frame, Known, Track
from netyard.data.series.training_statistics import SeriesStatistics
from netyard.data.tables.numeric_cells import Decimal
from netyard.errors import ConfigError
from netyard.ranges.bounds import Count, Index


@dataclass(kw_only=True, eq=False, repr=False)
class SeriesFields(DataModule):
    """What a config sets of series; see ``Series``."""

    UNIT: ClassVar[str] = "windows"

    GIVEN = ("path", "windows")

    path: str
    test_path: str | None = None
    """Another file, all steps of which are the test split. None: the end of ``path``."""
    val_path: str | None = None
    """The same for validation."""
    column: str | list[str]
    """The column to forecast, or several."""
    package: str | None = None
    """An installed package that contains the file; ``path`` is then relative to its folder."""
    date: str | None = NO_DATE
    """The column of dates, by which rows are sorted. None: one that reads as dates; ``none``: rows are in order."""
    date_order: DateOrder = "auto"
    """What is first in dates such as 01/02/2021. ``auto``: as the cells show."""
    series_id: str | list[str] | None = None
    """The column that names the series of each row, or several. None: the file has one series."""
    past_covariates: list[str] = field(default_factory=list)
    """Columns that are read beside the past, and unknown in advance."""
    future_covariates: list[str] = field(default_factory=list)
    """Columns that are known in advance, such as holidays: their values at the forecast steps are read, too."""
    static_covariates: list[str] = field(default_factory=list)
    """Columns with one value for each series."""
    calendar: list[CalendarPart] = field(default_factory=list)
    """What is read of the date of each step, past and future."""
    duplicates: Duplicates = "refuse"
    """What becomes of several rows of one date."""
    gaps: Gaps = "refuse"
    """What a missing date or an empty cell becomes; ``linear`` uses the value after it, which was not known then."""
    missing_marks: list[str] | None = None
    """Cells that are missing, besides empty ones. None: NA, nan, null, ? and others."""
    decimal: Decimal = "auto"
    """The decimal separator. ``auto``: as the cells of a column show."""
    encoding: str | None = None
    """Of the file. None: UTF-8, or what its first bytes say, or Windows-1252."""
    header: bool | None = None
    """Whether the first line names the columns. None: unless it looks like the other lines."""
    window: Count
    """Number of past steps that the network reads."""
    horizon: Count
    """Number of steps to forecast."""
    season: Count | None = 1
    """Period of the series in steps; 1: not seasonal. None: that of the frequency, if the series shows it."""

    # Facts; the defaults are those of one column without covariates, which runs of older versions have.
    num_series: Count | None = 1
    num_columns: Count | None = 1
    num_past_channels: Index | None = 0
    num_future_channels: Index | None = 0
    num_static_channels: Index | None = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.season is not None and self.season > self.window:
            raise ConfigError(
                f"data.season is {self.season} and data.window {self.window};",
                "the window must include a season, because the seasonal naive forecast repeats it;",
                f"try data.window={self.season}, or data.season=1.",
            )
        _ = self.settings().roles  # refuses a column that is named twice
        if self.calendar and self.date == NO_DATE:
            raise ConfigError(
                f"data.calendar is {','.join(self.calendar)}, and data.date none;",
                "a calendar is that of dates;",
                "try data.date=COLUMN, or leave data.calendar out.",
            )
        self.layout = Channels(self.settings().roles)
        self.series_names: list[str] = []
        self._known: Known | None = None  # of a run that is used on other files
        self._trained_date: str | None = None
        self._frame: Frame | None = None
        self._statistics: SeriesStatistics | None = None
        self._tables: dict[str, ForecastTable] = {}
        self._remarks: list[str] = []
        self._drift = 0.0
        self._season_chosen = self.season
        if self.layout.plain and not self.calendar and self.series_id is None:
            self._require_shape(self.window, 1, self.horizon)

    def settings(self, **changes: Any) -> SeriesSettings:
        """The fields that say how a file is read."""
        date = self.date
        if date is None and self._is_trained:  # the column of the run, not one that the other file suggests
            date = self._trained_date or NO_DATE
        return SeriesSettings.of(vars(self), date=date, **changes)

    @property
    def _is_trained(self) -> bool:
        return getattr(self, "_known", None) is not None

    def lengths(self) -> Lengths:
        val, test = (
            0.0 if name in self.separate else fraction
            for name, fraction in (("val", self.val_fraction), ("test", self.test_fraction))
        )
        return Lengths(self.window, self.horizon, self.season or 1, val, test)

    def facts(self) -> dict[str, Any]:
        self.setup()
        channels = self.layout
        return {
            "season": self.season,
            "input_size": len(channels.all_names),
            "sequence_length": self.num_steps,
            "num_targets": channels.num_targets * self.horizon,
            "num_series": len(self.series_names),
            "num_columns": channels.num_targets,
            "num_past_channels": channels.num_past,
            "num_future_channels": channels.num_future,
            "num_static_channels": channels.num_static,
        }

    @property
    def num_steps(self) -> int:
        """Steps of an input: the window, and the horizon if channels are known in advance."""
        return self.window + (self.horizon if self.layout.num_future else 0)

    @property
    def target_columns(self) -> list[str]:
        """The names of the columns that are forecast."""
        return self.settings().targets

    def _shape(self, frame: Frame, tracks: Sequence[Track]) -> None:
        """Set what is known of the shape of a sample now, and refuse another that a config has."""
        channels = self.layout
        if channels.columns("static"):
            channels.require_static(frame, tracks)
        self._require_shape(self.num_steps, len(channels.all_names), channels.num_targets * self.horizon)
        self.input_size, self.sequence_length = len(channels.all_names), self.num_steps
        self.input_shape = [self.num_steps, self.input_size]
        self.num_targets = channels.num_targets * self.horizon
        if channels.num_targets > 1:
            steps = range(1, self.horizon + 1)
            self.target_names = [f"{name}_step_{step}" for name in self.target_columns for step in steps]

    def _require_shape(self, steps: int, channels: int, targets: int) -> None:
        """Refuse a shape that the config has, and the file has not."""
        derived = {"sequence_length": steps, "input_size": channels, "num_targets": targets}
        given = {name: getattr(self, name) for name in derived}
        if any(value not in (None, derived[name]) for name, value in given.items()) or self.input_shape not in (
            None,
            [steps, channels],
        ):
            wrong = next((name for name, value in given.items() if value not in (None, derived[name])), "input_shape")
            raise ConfigError(
                f"data.{wrong} is {getattr(self, wrong)}, and the file has {derived.get(wrong, [steps, channels])};",
                "the shape of a sample follows from window and horizon, and from the columns that are read;",
                f"take data.{wrong} out of the command.",
            )

    def channel_names(self, count: int) -> list[str]:
        names = self.layout.all_names
        return names if len(names) == count else super().channel_names(count)

    def describe_series(self) -> dict[str, Any]:
        """What an input of the network is, in plain types: channels, order, frequency, season, and series by number."""
        channels = self.layout
        frequency = self._known.frequency if self._known else self._frame.frequency if self._frame else None
        return {
            "targets": self.target_columns,
            "channels": channels.all_names,
            "known_in_advance": channels.names("future"),
            "order": "oldest first",
            "frequency": frequency.name if frequency else None,
            "season": self.season,
            "series": self.series_names if channels.several else [],
        }

    def state_dict(self) -> dict[str, Any]:
        found = super().state_dict()
        known = self._learned()
        return {
            **found,
            "series": {
                "names": self.series_names,
                "words": self.layout.words,
                "reading": {name: list(each) for name, each in known.reading.items()},
                "frequency": known.frequency.state() if known.frequency else None,
                "date": self._frame.date if self._frame else self._trained_date,
            },
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        state = state_dict.get("series")
        if self._splits or state is None:
            return
        frequency = Frequency.of_state(state["frequency"]) if state["frequency"] else None
        reading = {name: (each[0], each[1]) for name, each in state["reading"].items()}
        self._known = Known(state["words"], reading, frequency)
        self._trained_date, self.series_names = state["date"], state["names"]
        several = len(self.series_names) > 1
        self.layout = Channels(self.settings().roles, state["words"], tuple(self.calendar), several)

    def _learned(self) -> Known:
        if self._known is not None or self._frame is None:
            return self._known or Known()
        return Known(self.layout.words, self._frame.reading, self._frame.frequency)
