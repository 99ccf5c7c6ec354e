"""The channels of a series: targets, covariates and calendar as numbers for each step. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netyard.data.series.calendar import calendar_channels, calendar_names
from netyard.data.series.tracks import Frame, Track
from netyard.errors import DataError

SERIES = "series"
"""The name of the last channel, which says which series a window is of."""
_MOST_WORDS = 100


@dataclass
class Channels:
    """The order of the channels: targets; past covariates; those known in advance; static ones; the series' number."""

    roles: Mapping[str, str]
    """The columns by name: target, past, future or static."""
    words: dict[str, list[str]] = field(default_factory=dict)
    """The words of each column of words, each of which is a channel of 0 and 1."""
    calendar: Sequence[str] = ()
    several: bool = False
    """Whether there are several series."""

    @classmethod
    def learn(
        cls, frame: Frame, tracks: Iterable[Track], until: int, calendar: Sequence[str], several: bool
    ) -> Channels:
        """The channels of a file; words are those of steps before ``until``, a number of the calendar of the file.

        Raises:
            DataError: a covariate has too many words.
        """
        words: dict[str, set[str]] = {}
        for track in tracks:
            for name, cells in track.words.items():
                seen = cells if frame.roles[name] == "static" else cells[: max(until - track.first, 0)]
                words.setdefault(name, set()).update(each for each in seen if each)
        for name, found in words.items():
            if len(found) > _MOST_WORDS:
                raise DataError(
                    f"column {name!r} of {frame.table.path} has {len(found):,} different words;",
                    f"a covariate of words becomes a channel for each, and at most {_MOST_WORDS} are read;",
                    f"take {name} out of the covariates.",
                )
        return cls(dict(frame.roles), {name: sorted(found) for name, found in words.items()}, tuple(calendar), several)

    def columns(self, role: str) -> list[str]:
        return [name for name, each in self.roles.items() if each == role]

    def names(self, role: str) -> list[str]:
        """The names of the channels of a role; ``future`` has those of the calendar, too."""
        found: list[str] = []
        for name in self.columns(role):
            found += [f"{name}={word}" for word in self.words[name]] if name in self.words else [name]
        return found + (calendar_names(self.calendar) if role == "future" else [])

    @property
    def num_targets(self) -> int:
        return len(self.columns("target"))

    @property
    def num_past(self) -> int:
        return len(self.names("past"))

    @property
    def num_future(self) -> int:
        return len(self.names("future"))

    @property
    def num_static(self) -> int:
        return len(self.names("static"))

    @property
    def marked(self) -> bool:
        """Whether the last channel is the number of the series; the network has there whether a step is ahead."""
        return self.several or self.num_future > 0

    @property
    def all_names(self) -> list[str]:
        """The names of all channels, in their order."""
        found = [name for role in ("target", "past", "future", "static") for name in self.names(role)]
        return [*found, SERIES] if self.marked else found

    @property
    def plain(self) -> bool:
        """Whether there is one series of one column, and nothing else."""
        return len(self.all_names) == 1

    def encode(self, frame: Frame, track: Track, number: int, more: int = 0) -> np.ndarray:
        """One series: float32 (T + more, channels); steps without a value have NaN.

        Args:
            number: of the series.
            more: steps after the last row, of which only the calendar is known.
        """
        steps = len(track) + more
        columns: list[np.ndarray] = []
        for role in ("target", "past", "future", "static"):
            for name in self.columns(role):
                if name in self.words:
                    cells = np.array([*track.words[name], *[""] * more], dtype=object)
                    if role == "static":
                        cells[len(track) :] = track.words[name][0]
                    columns += [(cells == word).astype(np.float64) for word in self.words[name]]
                else:
                    values = track.numbers[name]
                    fill = values[0] if role == "static" else np.nan
                    columns.append(np.concatenate([values, np.full(more, fill)]))
            if role == "future" and self.calendar and frame.frequency is not None:
                dates = frame.frequency.dates(np.arange(track.first, track.first + steps))
                columns += [*calendar_channels(dates, self.calendar).T]
        if self.marked:
            columns.append(np.full(steps, float(number)))
        return np.stack(columns, axis=1).astype(np.float32)

    def require_static(self, frame: Frame, tracks: Iterable[Track]) -> None:
        """Raise DataError if a static covariate changes within a series, or a series has none."""
        for track in tracks:
            for name in self.columns("static"):
                cells = track.words.get(name) or track.numbers[name].tolist()
                different = {each for each in cells if each == each}
                if len(different) == 1 and "" not in different:
                    continue
                of = f" of {track.name}" if track.name else ""
                shown = (
                    f"the values {', '.join(str(each) for each in sorted(different)[:3])}" if different else "no value"
                )
                raise DataError(
                    f"column {name!r} of {frame.table.path} has {shown}{of};",
                    "a static covariate has one value in each series;",
                    f"repair it, or try {name} in data.past_covariates or data.future_covariates.",
                )
