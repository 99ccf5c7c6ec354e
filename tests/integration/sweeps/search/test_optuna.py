"""A study as a search: with every sampler it suggests, learns, and is resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from netyard.run_directories import study as named
from netyard.sweeps.search.optuna import OptunaSearch
from support.optuna_searches import run, search_in, trials, unsynced, values


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Callable[..., OptunaSearch]]:
    with unsynced():
        yield partial(search_in, tmp_path)


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
