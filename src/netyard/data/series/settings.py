"""How the columns of a series file are read: the keys of ``data=series`` with these names. Imports no torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from netyard.data.series.dates import DateOrder
from netyard.data.tables.csv_reader import Table, read_table
from netyard.data.tables.numeric_cells import Decimal, Reading
from netyard.errors import ConfigError, PlatformError

Duplicates: TypeAlias = Literal["refuse", "sum", "mean", "first", "last"]
"""What becomes of rows of the same date: refuse, or the one value that is made of them."""
Gaps: TypeAlias = Literal["refuse", "previous", "linear", "zero"]
"""What a missing step or an empty cell becomes: refuse, the previous value, a line between the neighbours, or 0."""
Role: TypeAlias = Literal["target", "past", "future", "static"]

NO_DATE = "none"
"""Of ``data.date``: rows are steps in the order of the file."""


@dataclass(frozen=True)
class SeriesSettings:
    """The columns of a series file, by what they are."""

    path: str
    column: str | Sequence[str]
    package: str | None = None
    date: str | None = NO_DATE
    date_order: DateOrder = "auto"
    series_id: str | Sequence[str] | None = None
    past_covariates: Sequence[str] = ()
    future_covariates: Sequence[str] = ()
    static_covariates: Sequence[str] = ()
    duplicates: Duplicates = "refuse"
    gaps: Gaps = "refuse"
    missing_marks: Sequence[str] | None = None
    decimal: Decimal = "auto"
    encoding: str | None = None
    header: bool | None = None
    key: str = "data.path"
    """The key or option that names the file, for messages."""

    @classmethod
    def of(cls, config: Mapping[str, Any], **changes: Any) -> SeriesSettings:
        """From the fields of a data set, or its config."""
        names = {each.name for each in fields(cls)}
        found = {name: value for name, value in config.items() if name in names and name != "key"}
        return cls(**{**found, **changes})

    @property
    def targets(self) -> list[str]:
        return names_in(self.column)

    @property
    def ids(self) -> list[str]:
        return names_in(self.series_id)

    @property
    def roles(self) -> dict[str, Role]:
        """The columns of values, by name, in the order of channels.

        Raises:
            ConfigError: a column has two of them; no column is forecast.
        """
        found: dict[str, Role] = {}
        keys: tuple[tuple[str, Sequence[str], Role], ...] = (
            ("column", self.targets, "target"),
            ("past_covariates", names_in(self.past_covariates), "past"),
            ("future_covariates", names_in(self.future_covariates), "future"),
            ("static_covariates", names_in(self.static_covariates), "static"),
        )
        for key, names, role in keys:
            for name in names:
                if name in found or name in ([*self.ids] if role != "static" else []) or name == self.date:
                    raise ConfigError(
                        f"data.{key} names {name!r}, which is also in another key of the data;",
                        "a column is a target, a date, the name of a series, or a covariate of one kind;",
                        f"take {name} out of data.{key}.",
                    )
                found[name] = role
        if not self.targets:
            raise ConfigError("data.column is empty;", "it names what is forecast;", "try data.column=COLUMN.")
        return found

    @property
    def reading(self) -> Reading:
        return Reading(self.decimal, None if self.missing_marks is None else tuple(map(str, self.missing_marks)))

    def table(self) -> Table:
        """Read the file.

        Raises:
            DataError: see ``read_table``.
            PlatformError: the package that contains the file is not installed.
        """
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
        return read_table(path, self.key, self.encoding, self.header)


def names_in(names: str | Sequence[str] | None) -> list[str]:
    """One name or several as a list of texts: YAML reads a name such as 1 as a number."""
    if names is None:
        return []
    return [*map(str, names)] if isinstance(names, list | tuple) else [str(names)]
