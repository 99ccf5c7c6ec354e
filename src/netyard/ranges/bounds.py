"""What stands in the annotation of a parameter: ``dropout: Annotated[float, Ge(0), Lt(1)] = 0.0``.

The names are those of the package ``annotated_types``, of which these few are all that is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """A whole number that has a middle."""


@dataclass(frozen=True)
class ShareOrCount:
    """A share of something, at most 1, or a whole number of it, as Lightning's limits."""


@dataclass(frozen=True)
class Length:
    """Of a list: how many items it has."""

    least: int
    most: int | None = None


class OneOf:
    """The words a parameter takes, where they are the keys of a table and no ``Literal`` can name them."""

    def __init__(self, words: Iterable[str | bool]) -> None:
        self.words = tuple(words)


# Those that many parameters share.
Count: TypeAlias = Annotated[int, Ge(1)]
Index: TypeAlias = Annotated[int, Ge(0)]
Classes: TypeAlias = Annotated[int, Ge(2)]
Seed: TypeAlias = Annotated[int, Ge(0), Le(2**32 - 1)]  # what every generator of random numbers takes
Positive: TypeAlias = Annotated[float, Gt(0)]
NotNegative: TypeAlias = Annotated[float, Ge(0)]
Unit: TypeAlias = Annotated[float, Ge(0), Le(1)]
Probability: TypeAlias = Annotated[float, Ge(0), Lt(1)]  # of what must not always happen, as dropout
Part: TypeAlias = Annotated[float, Gt(0), Lt(1)]  # of a whole, and something is left of it
