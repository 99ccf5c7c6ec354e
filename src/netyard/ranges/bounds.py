"""Bounds for the annotations of parameters: ``dropout: Annotated[float, Ge(0), Lt(1)] = 0.0``.

The names are those of the package ``annotated_types``, of which only these are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias


@dataclass(frozen=True)
class Ge:
    """Greater than or equal to."""

    value: float


@dataclass(frozen=True)
class Gt:
    """Greater than."""

    value: float


@dataclass(frozen=True)
class Le:
    """Less than or equal to."""

    value: float


@dataclass(frozen=True)
class Lt:
    """Less than."""

    value: float


@dataclass(frozen=True)
class Odd:
    """An odd integer, such as a kernel size with equal padding on both sides."""


@dataclass(frozen=True)
class ShareOrCount:
    """A fraction up to 1, or an integer count, as Lightning's ``limit_train_batches``."""


@dataclass(frozen=True)
class Length:
    """The smallest and the largest number of items of a list."""

    least: int
    most: int | None = None


class OneOf:
    """A choice among values that are known at run time only, as the keys of a table; else use ``Literal``.

    ``reasons`` are added to the error message: for a value that users often try, why it is not allowed.
    """

    # Not a dataclass: it accepts any iterable, and keeps a tuple.
    def __init__(self, words: Iterable[str | bool], reasons: Mapping[str, str] | None = None) -> None:
        self.words = tuple(words)
        self.reasons = reasons


# Types of many parameters. A float type admits integers too: YAML reads 1 as an int.
Count: TypeAlias = Annotated[int, Ge(1)]
Index: TypeAlias = Annotated[int, Ge(0)]
Classes: TypeAlias = Annotated[int, Ge(2)]  # a single class leaves nothing to decide
Seed: TypeAlias = Annotated[int, Ge(0), Le(2**32 - 1)]  # NumPy's legacy generator takes no more than 32 bits
Positive: TypeAlias = Annotated[float, Gt(0)]
NotNegative: TypeAlias = Annotated[float, Ge(0)]
Unit: TypeAlias = Annotated[float, Ge(0), Le(1)]
Probability: TypeAlias = Annotated[float, Ge(0), Lt(1)]  # below 1: a dropout of 1 would remove everything
Part: TypeAlias = Annotated[float, Gt(0), Lt(1)]  # neither side may be empty
HeldOut: TypeAlias = Annotated[float, Ge(0), Lt(1)]  # the fraction of a split; 0: there is none
