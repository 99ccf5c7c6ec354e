"""Optuna searches with simulated job results, without waiting for the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.sweeps.ledger import Job
from netyard.sweeps.search.optuna import OptunaSearch
from netyard.sweeps.search.space import Space


@contextmanager
def unsynced() -> Iterator[None]:
    """Turn off SQLite's synchronous writes, which a test does not need."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def hurry(connection: Any, record: Any) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


def search_in(
    place: Path,
    *arguments: str,
    folder: str = "sweep",
    when: Any = None,
    trials: int = 20,
    seed: int = 0,
    directions: Sequence[str] = ("min",),
    **options: Any,
) -> OptunaSearch:
    """The search of a sweep in a folder of ``place``; over ``x`` and ``y`` where nothing else is said."""
    words = arguments or ("x=interval(-1,1)", "y=range(0,10)")
    space = Space.parse(OverridesParser.create(), {}, when or {}, [], words)
    return OptunaSearch(space, directions, trials, seed, folder=place / folder, **options)


def values(job: list[str]) -> dict[str, str]:
    return dict(text.split("=") for text in job)


def run(search: OptunaSearch, count: int, first: int = 0) -> list[Job]:
    """Run jobs whose objective has its minimum at x=0.3, y=7."""
    jobs = []
    for number in range(first, first + count):
        job = search.ask(number)
        assert job is not None
        given = values(job)
        score = (float(given["x"]) - 0.3) ** 2 + 0.01 * (int(given["y"]) - 7) ** 2
        jobs.append(Job(number, job, "completed", values=[score]))
        search.tell(jobs[-1])
    return jobs


def trials(search: OptunaSearch) -> list[Any]:
    return search._study.get_trials()
