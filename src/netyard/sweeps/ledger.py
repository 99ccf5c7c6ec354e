"""What a sweep remembers of its jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Job:
    """One job of a sweep."""

    number: int
    overrides: list[str]
    state: str = "pending"  # pending running completed failed interrupted pruned
    values: list[float] | None = None  # of the objectives
    epoch: int | None = None
    reason: str | None = None
    attempts: int = 0
    seconds: float | None = None
