"""A study as a search: it suggests, learns, survives a driver that dies, and is shared between sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.sweeps import study as named
from netyard.sweeps.ledger import Job
from netyard.sweeps.optuna_search import OptunaSearch
from netyard.sweeps.space import Space


def space(*arguments: str, when: Any = None) -> Space:
    return Space.parse(OverridesParser.create(), {}, when or {}, [], arguments)


@pytest.fixture(autouse=True)
def unsynced():
    """SQLite waits for the disk at every write; a test need not survive a power cut."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def hurry(connection: Any, record: Any) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture
def search(tmp_path: Path):
    def make(
        *arguments: str, folder: str = "sweep", when: Any = None, trials: int = 20, seed: int = 0, **options: Any
    ) -> OptunaSearch:
        made = space(*(arguments or ("x=interval(-1,1)", "y=range(0,10)")), when=when)
        return OptunaSearch(made, options.pop("directions", ["min"]), trials, seed, folder=tmp_path / folder, **options)

    return make


def values(job: list[str]) -> dict[str, str]:
    return dict(text.split("=") for text in job)


def run(search: OptunaSearch, count: int, first: int = 0) -> list[Job]:
    """Jobs whose objective is least at x=0.3, y=7."""
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


@pytest.mark.parametrize("sampler", [*named.SAMPLERS])
def test_every_sampler_suggests_learns_and_is_resumed_without_repeating(search, sampler: str):
    options = {} if sampler in ("nsga2", "qmc", "random") else {"sampler_options": {"n_startup_trials": 4}}
    jobs = run(search(sampler=sampler, trials=8, **options), 5)
    resumed = search(sampler=sampler, trials=8, **options)
    resumed.restore(jobs)
    more = run(resumed, 3, first=5)
    suggested = [values(job.overrides)["x"] for job in [*jobs, *more]]
    assert len({*suggested}) == 8
    assert resumed.ask(8) is None
    assert [trial.number for trial in trials(resumed)] == list(range(8))
    assert [trial.values for trial in trials(resumed)] == [job.values for job in [*jobs, *more]]
    assert all(str(trial.params["x"]) == x for trial, x in zip(trials(resumed), suggested, strict=True))


def test_it_learns(search):
    jobs = run(search(trials=30), 30)
    scores = [job.values[0] for job in jobs]
    assert sum(scores[-10:]) < 0.5 * sum(scores[:10])
