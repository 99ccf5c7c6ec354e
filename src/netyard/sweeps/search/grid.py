"""The interface of a search, and the two without dependencies: grid and random. Imports no torch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Protocol

from netyard.errors import ConfigError
from netyard.sweeps.ledger import Job
from netyard.sweeps.search.space import Space


class Search(Protocol):
    """Chooses the jobs of a sweep, one after another, and may learn from those that ended."""

    def ask(self, number: int) -> list[str] | None:
        """The overrides of job ``number``; None when nothing is left."""

    def tell(self, job: Job) -> None:
        """A job ended."""

    def restore(self, jobs: Sequence[Job]) -> None:
        """On a resume, before the first ``ask``: pass every job so far, with its present state."""

    def study(self, number: int) -> dict[str, Any] | None:
        """Settings, in plain types, with which a job reports its progress for pruning; None if it is not pruned."""


class _Fixed:
    """A search that ignores results: a job depends on its number alone, so a resume needs no state."""

    def tell(self, job: Job) -> None: ...

    def restore(self, jobs: Sequence[Job]) -> None: ...

    def study(self, number: int) -> dict[str, Any] | None:
        return None


class Grid(_Fixed):
    """Every combination, the first axis slowest."""

    def __init__(self, space: Space) -> None:
        self._jobs = space.grid()

    def ask(self, number: int) -> list[str] | None:
        return self._jobs[number] if number < len(self._jobs) else None


class Random(_Fixed):
    """``num_trials`` random jobs. A discrete space yields no job twice, and ends the search when it is used up.

    Bergstra & Bengio 2012. Job n is a function of the seed and n.
    """

    TRIES = 100  # draws before the jobs left are listed, which is slow in a large space

    def __init__(self, space: Space, num_trials: int, seed: int) -> None:
        require_trials(num_trials)
        self.space, self.num_trials, self.seed = space, num_trials, seed
        self._drawn: list[list[str]] = []
        self._seen: set[tuple[str, ...]] = set()

    def ask(self, number: int) -> list[str] | None:
        while number < self.num_trials and len(self._drawn) <= number:
            job = self._draw(random.Random(f"{self.seed}/{len(self._drawn)}"))
            if job is None:
                break
            self._drawn.append(job)
            self._seen.add(tuple(job))
        return self._drawn[number] if number < len(self._drawn) else None

    def _draw(self, rng: random.Random) -> list[str] | None:
        for _ in range(self.TRIES):
            job = self.space.sample(rng)
            if tuple(job) not in self._seen or not self.space.discrete:
                return job
        left = [job for job in self.space.grid() if tuple(job) not in self._seen]
        return rng.choice(left) if left else None


def require_trials(num_trials: int) -> None:
    if isinstance(num_trials, bool) or not isinstance(num_trials, int) or num_trials < 1:
        raise ConfigError(
            f"hydra.sweeper.num_trials is {num_trials!r};",
            "it must be a whole number at least 1;",
            "try hydra.sweeper.num_trials=20.",
        )
