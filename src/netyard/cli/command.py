"""The subcommands of ``netyard``: from what was typed to what is printed. They know no torch until they need it."""

from collections.abc import Callable
from typing import NamedTuple


class Command(NamedTuple):
    """One of them, as the command line knows it."""

    does: str
    """On one line."""
    run: Callable[[list[str]], int | str]
    """What was typed -> what is to be printed, or, of one that prints for itself, the exit code."""
    help: str = ""
    """Empty where it tells itself."""
    alone: bool = False
    """Whether it may be typed without arguments."""
