"""The table of faults in the README: each test of the campaign writes the figures of its row, whatever they are."""

from __future__ import annotations

import fcntl
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
HEAD = "| what is done to a run | times | withstood |"


def enter(what: str, times: int, withstood: int, page: Path = README) -> None:
    """Write how often a fault was tried, and how often all was well after it, into the table; a new fault at its end.

    Raises:
        AssertionError: it was not withstood every time; the table says so by then.
    """
    row = f"| {what} | {times:,} | {withstood:,} |"
    with page.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # tests run in several processes
        lines = file.read().splitlines()
        first = lines.index(HEAD) + 2
        last = next(at for at in range(first, len(lines) + 1) if at == len(lines) or not lines[at].startswith("|"))
        at = next((at for at in range(first, last) if lines[at].startswith(f"| {what} |")), last)
        changed = [*lines[:at], row, *lines[at + (at < last) :]]
        if changed != lines:
            file.seek(0)
            file.write("\n".join(changed) + "\n")
            file.truncate()
    assert withstood == times > 0, f"{what}: {withstood} of {times}"
