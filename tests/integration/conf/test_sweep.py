"""Every file of ``conf/sweep`` is a space whose jobs are runs, and every sweeper of ``conf/hydra`` reads it."""

from __future__ import annotations

import functools
import random

import pytest
from omegaconf import DictConfig

from netyard.config import catalog, compose, schema
from netyard.sweeps.search.space import Space
from support.sweep_files import SWEEPERS, space_of


@functools.cache
def as_written(name: str) -> tuple[Space, DictConfig]:
    """The space of a sweep file and its sweeper's node, if the command line only names the file."""
    return space_of(name)


def covering(jobs: list[list[str]]) -> list[list[str]]:
    """Jobs in which every value comes up."""
    chosen, seen = [], set()
    for job in jobs:
        if not {*job} <= seen:
            chosen.append(job)
            seen |= {*job}
    return chosen


@pytest.mark.parametrize("name", catalog.options("sweep"))
def test_the_jobs_of_a_sweep_file_are_runs(name: str):
    space, _ = as_written(name)
    assert space.axes and space.fixed == [f"sweep={name}"]
    jobs = covering(space.grid()) if space.discrete else [space.sample(random.Random(seed)) for seed in range(4)]
    assert len(jobs) > 2
    for job in jobs:
        schema.check(*compose.compose(job))


@pytest.mark.parametrize("name", catalog.options("sweep"))
def test_a_sweep_file_means_the_same_to_every_sweeper(name: str):
    described = []
    for sweeper in SWEEPERS:
        space, node = space_of(name, f"hydra/sweeper={sweeper}")
        assert node._target_ == f"hydra_plugins.netyard.sweeper.{sweeper.capitalize()}Sweeper"
        described.append(space.describe())
    assert described[0] == described[1] == described[2] == as_written(name)[0].describe()
