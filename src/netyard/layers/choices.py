"""The check of a parameter that is one of a few names."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless the value is one of the choices; the message proposes the one spelt most like it."""
    if value not in choices:
        nearest = get_close_matches(str(value), choices, n=1, cutoff=0.0)[0]
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(choices)}; try model.{name}={nearest}.")
