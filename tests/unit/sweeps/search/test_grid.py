"""The two searches that learn nothing: a job is a function of its number."""

from __future__ import annotations

from collections import Counter

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.errors import ConfigError
from netyard.sweeps.ledger import Job
from netyard.sweeps.search.grid import Grid, Random, Search
from netyard.sweeps.search.space import Space


def space(*arguments: str, when: dict | None = None) -> Space:
    return Space.parse(OverridesParser.create(), {}, when or {}, [], arguments)


def asked(search: Search) -> list[list[str]]:
    jobs: list[list[str]] = []
    while (job := search.ask(len(jobs))) is not None:
        jobs.append(job)
    return jobs


def test_a_grid_asks_for_every_job_once():
    made = space("a=1,2", "b=3,4,5", "c=6")
    assert asked(Grid(made)) == made.grid()
    assert Grid(made).ask(6) is None


def test_random_jobs_depend_on_seed_and_number_alone():
    made = space("a=interval(0,1)", "b=x,y")
    jobs = asked(Random(made, 20, seed=3))
    assert len(jobs) == 20 and len({tuple(job) for job in jobs}) == 20
    resumed = Random(made, 30, seed=3)
    resumed.restore([Job(number, job, "completed") for number, job in enumerate(jobs)])
    assert [resumed.ask(number) for number in (19, 4, 0)] == [jobs[19], jobs[4], jobs[0]]
    assert asked(resumed)[:20] == jobs
    assert asked(Random(made, 20, seed=4)) != jobs


@pytest.mark.parametrize("trials", [5, 12, 40])
def test_random_jobs_of_a_countable_space_never_repeat_and_end_with_it(trials: int):
    made = space("a=range(0,3)", "b=w,x,y,z")
    jobs = asked(Random(made, trials, seed=0))
    assert len(jobs) == min(trials, 12) and len({tuple(job) for job in jobs}) == len(jobs)
    assert all(job in made.grid() for job in jobs)


def test_even_a_rare_corner_is_reached():
    made = space("a=x,y", when={"a=y": {"b": "range(0,3000)"}})
    assert len(asked(Random(made, 5000, seed=0))) == 3001


def test_values_are_drawn_evenly():
    counts = Counter(job[0] for job in asked(Random(space("a=1,2,3,4", "b=interval(0,1)"), 2000, seed=0)))
    assert len(counts) == 4 and all(430 < count < 570 for count in counts.values())


def test_neither_lets_a_job_be_pruned():
    assert Grid(space("a=1,2")).study(0) is Random(space("a=1,2"), 1, 0).study(0) is None


@pytest.mark.parametrize("trials", [0, -1, 1.5, None, True, "many"])
def test_a_number_of_trials_that_is_none_is_refused(trials: object):
    with pytest.raises(ConfigError, match=r"num_trials is .*; it must be a whole number at least 1; try"):
        Random(space("a=1,2"), trials, 0)  # type: ignore[arg-type]
