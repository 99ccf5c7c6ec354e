"""Bounds for annotations of parameters: ``dropout: Annotated[float, Ge(0), Lt(1)] = 0.0``.

The names are those of the package ``annotated_types``, of which only these are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias


@dataclass(frozen=True)
class Ge:
    """At least."""

    value: float


@dataclass(frozen=True)
class Gt:
    """Above."""

    value: float


@dataclass(frozen=True)
class Le:
    """At most."""

    value: float


@dataclass(frozen=True)
class Lt:
    """Below."""

    value: float


@dataclass(frozen=True)
class Odd:
    """An odd whole number, as a kernel size."""


@dataclass(frozen=True)
class ShareOrCount:
    """A share of something, at most 1, or a whole number of it, as Lightning's limits."""


@dataclass(frozen=True)
class Length:
    """The number of items of a list."""

    least: int
    most: int | None = None


class OneOf:
    """A choice among values that are known at run time only, as the keys of a table; else use ``Literal``.

    ``reasons`` are added to the error message: for a value that users often try, why it is not allowed.
    """

    def __init__(self, words: Iterable[str | bool], reasons: Mapping[str, str] | None = None) -> None:
        self.words = tuple(words)
        self.reasons = reasons


# Shared by many parameters.
Count: TypeAlias = Annotated[int, Ge(1)]
Index: TypeAlias = Annotated[int, Ge(0)]
Classes: TypeAlias = Annotated[int, Ge(2)]
Seed: TypeAlias = Annotated[int, Ge(0), Le(2**32 - 1)]  # NumPy's legacy generator takes no more than 32 bits
Positive: TypeAlias = Annotated[float, Gt(0)]
NotNegative: TypeAlias = Annotated[float, Ge(0)]
Unit: TypeAlias = Annotated[float, Ge(0), Le(1)]
Probability: TypeAlias = Annotated[float, Ge(0), Lt(1)]  # below 1: a dropout of 1 would remove everything
Part: TypeAlias = Annotated[float, Gt(0), Lt(1)]  # a proper fraction: both parts are non-empty
