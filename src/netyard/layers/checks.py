"""The checks that constructors share; each refusal says what was given, what is allowed and what to type."""

from __future__ import annotations

from collections.abc import Sequence


def check_sizes(**sizes: int | Sequence[int]) -> None:
    """Raise ValueError unless every size, or member of a list of sizes, is a whole number of at least 1."""
    for name, value in sizes.items():
        members = [value] if isinstance(value, int) else list(value) if isinstance(value, Sequence) else [None]
        if any(not isinstance(size, int) or isinstance(size, bool) or size < 1 for size in members):
            example = "[64,32]" if isinstance(value, Sequence) and not isinstance(value, str) else "1"
            raise ValueError(f"{name} is {value}; sizes must be whole numbers of at least 1; try {name}={example}.")


def check_dropout(dropout: float) -> None:
    """Raise ValueError unless the probability is at least 0 and below 1."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1; try model.dropout=0.5.")
