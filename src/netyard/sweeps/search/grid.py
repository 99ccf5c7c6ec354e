"""The interface of a search, and the two that need no other package: grid and random search. Imports no torch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Protocol

from netyard.ranges.bounds import Count
from netyard.ranges.signature import check
from netyard.sweeps.ledger import Job
from netyard.sweeps.search.space import Space


class Search(Protocol):
    """Chooses the jobs of a sweep one after another, perhaps from the results of earlier jobs."""

    def ask(self, number: int) -> list[str] | None:
        """The overrides of job ``number``; None if there are no more jobs."""

    def tell(self, job: Job) -> None:
        """Report a job that has ended."""

    def restore(self, jobs: Sequence[Job]) -> None:
        """On a resume, before the first ``ask``: pass every job so far, with its present state."""

    def require_room(self) -> None:
        """Before the first job of a new sweep.

        Raises:
            ConfigError: it shares a study with other sweeps, which has all of its trials.
        """

    def remark(self) -> str:
        """A sentence for the end of the sweep; empty if there is nothing to say."""

    def study(self, number: int) -> dict[str, Any] | None:
        """Settings, in plain types, with which a job reports its progress for pruning; None if it is not pruned."""


class _Fixed:
    """A search that ignores results: a job depends only on its number, so a resume needs no state."""

    def tell(self, job: Job) -> None: ...

    def restore(self, jobs: Sequence[Job]) -> None: ...

    def require_room(self) -> None: ...

    def remark(self) -> str:
        return ""

    def study(self, number: int) -> dict[str, Any] | None:
        return None


class Grid(_Fixed):
    """Grid search: every combination; the first axis varies slowest."""

    def __init__(self, space: Space) -> None:
        self._jobs = space.grid()  # listed at once, so that a grid over an interval is refused before the first job

    def ask(self, number: int) -> list[str] | None:
        return self._jobs[number] if number < len(self._jobs) else None


class Random(_Fixed):
    """Random search, Bergstra & Bengio 2012: ``num_trials`` jobs. Job n is a function of the seed and n.

    From a discrete space no job is drawn twice, and the search ends when every job has been drawn.
    """

    TRIES = 100  # draws before the remaining jobs are listed, which is slow in a large space

    def __init__(self, space: Space, num_trials: Count, seed: int) -> None:
        check(Random, locals(), "hydra.sweeper")
        self.space, self.num_trials, self.seed = space, num_trials, seed
        self._drawn: list[list[str]] = []
        self._seen: set[tuple[str, ...]] = set()

    def ask(self, number: int) -> list[str] | None:
        while number < self.num_trials and len(self._drawn) <= number:
            # Seeded by the job's number: how often an earlier job was drawn again does not shift this one.
            job = self._draw(random.Random(f"{self.seed}/{len(self._drawn)}"))
            if job is None:
                break
            self._drawn.append(job)
            self._seen.add(tuple(job))
        return self._drawn[number] if number < len(self._drawn) else None

    def _draw(self, rng: random.Random) -> list[str] | None:
        for _ in range(self.TRIES):
            job = self.space.sample(rng)
            # From an interval every number is new, apart from rounding.
            if tuple(job) not in self._seen or not self.space.discrete:
                return job
        # Nearly all jobs have been drawn: choose among the others instead of drawing until one of them comes up.
        left = [job for job in self.space.grid() if tuple(job) not in self._seen]
        return rng.choice(left) if left else None
