"""The normal classes of ``task=anomaly``, which data know by their key ``normal``. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence

from netyard.errors import DataError


def normal_names(normal: str | Sequence[str] | None) -> list[str]:
    """The names of the normal classes, of which one may be given alone; empty for a task without such."""
    if normal is None:
        return []
    return [str(normal)] if isinstance(normal, str | int | float) else [*map(str, normal)]


def named(normal: Sequence[str], names: Sequence[str]) -> list[str]:
    """The normal classes by name: one that is no name may be the number of a class, from 0."""
    known = [str(each) for each in names]
    return [
        known[int(each)] if each not in known and each.isdecimal() and int(each) < len(known) else each
        for each in normal
    ]


def require_anomalies(files: Sequence[str], names: Sequence[str]) -> None:
    """Refuse files with a single class.

    Raises:
        DataError: there is one.
    """
    if len(names) < 2:
        raise DataError(
            f"{' and '.join(files)} have only the class {names[0]!r};",
            "anomalies are samples of other classes, in any of the files;",
            "add some to a file for testing.",
        )
