"""Checks of what an environment's own code returns; each says the environment's id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netyard.errors import DataError, ForeignCodeError, first_line

_FIX = "fix the environment, or choose another with data.id=..."


def as_number(id: str, what: str, value: Any) -> float:
    """A number that may be in an array of one element.

    Raises:
        DataError: it is none.
    """
    if isinstance(value, int | float | np.number | np.bool_):
        return float(value)
    try:
        found = np.asarray(value)
    except ValueError:  # lists of several lengths
        found = np.empty(0)
    if found.size != 1 or found.dtype.kind not in "biuf":
        shown = f"of shape {found.shape}" if found.dtype.kind in "biuf" else f"of type {type(value).__name__}"
        raise DataError(f"environment {id} returned a {what} {shown};", f"a {what} is one number;", _FIX)
    return float(found.reshape(()) if found.ndim != 1 else found[0])


def as_flag(id: str, what: str, value: Any) -> bool:
    """A truth value that may be in an array of one element.

    Raises:
        DataError: it is none.
    """
    if value is None:
        return False
    try:
        return bool(as_number(id, what, value))
    except DataError as error:
        raise DataError(error.given, f"a {what} is True or False;", error.type_this) from error


def lost_life(info: Any) -> bool:
    """Whether an info says that a life was lost: only by a true value."""
    if not isinstance(info, Mapping):
        return False
    value = info.get("life_lost")
    return value is not None and bool(np.any(value))


def raised(id: str, error: Exception, doing: str, hint: str = "") -> ForeignCodeError:
    """The error for an exception of an environment's own code; its traceback is shown."""
    return ForeignCodeError(
        f"environment {id} raised {type(error).__name__}: {first_line(error).rstrip('.;')} in {doing};",
        "the error comes from its own code, see the lines above;",
        hint or _FIX,
    )


def not_finite(id: str, what: str, value: object) -> DataError:
    """The error for an environment that returned NaN or infinity."""
    return DataError(
        f"environment {id} returned the {what} {value};", "observations and rewards must be finite numbers;", _FIX
    )
