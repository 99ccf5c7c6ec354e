"""The checks that constructors share; each refusal says what was given, what is allowed and what to type."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from netyard.errors import ArgumentError


def check_sizes(**sizes: int | Sequence[int]) -> None:
    """Raise ArgumentError unless every size, or member of a list of sizes, is a whole number of at least 1."""
    for name, value in sizes.items():
        members = [value] if isinstance(value, int) else list(value) if isinstance(value, Sequence) else [None]
        if any(not isinstance(size, int) or isinstance(size, bool) or size < 1 for size in members):
            example = "[64,32]" if isinstance(value, Sequence) and not isinstance(value, str) else "1"
            raise ArgumentError(
                f"{name} is {value};",
                "sizes must be whole numbers of at least 1;",
                f"try {name}={example}.",
            )


def check_dropout(dropout: float, name: str = "dropout") -> None:
    """Raise ArgumentError unless the probability is at least 0 and below 1."""
    if not 0 <= dropout < 1:
        raise ArgumentError(
            f"{name} is {dropout};",
            "it must be at least 0 and below 1;",
            f"try model.{name}=0.5.",
        )


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise ArgumentError unless the value is one of the choices; the message proposes the one spelt most like it."""
    if value not in choices:
        nearest = get_close_matches(str(value), choices, n=1, cutoff=0.0)[0]
        raise ArgumentError(
            f"{name} is {value!r};",
            f"it must be one of {', '.join(choices)};",
            f"try model.{name}={nearest}.",
        )
