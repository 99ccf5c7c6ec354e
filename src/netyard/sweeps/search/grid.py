"""What a search is, and the two that need no extra: every job of a grid, and jobs at random. Knows no torch."""

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
        """After a resume, before the first ``ask``: every job so far, some ended while nobody looked."""

    def study(self, number: int) -> dict[str, Any] | None:
        """What a job needs to report how it does and to be pruned, in plain types; None where it cannot be."""


class _Fixed:
    """A search that learns nothing: what it asks for depends on a job's number alone, so a resume needs no memory."""

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
    """``num_trials`` jobs at random; where they can be counted none comes twice, and a small space ends the search.

    Bergstra & Bengio 2012. Job n is a function of the seed and n.
    """

    TRIES = 100

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
