"""A run that was stopped at any step, or killed at any instant, ends as the one that was left alone, to the bit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support import killed_runs
from support.killed_runs import LONG, SHORT, Ending, Runs, faults, left_alone
from support.stopped_runs import RUNS, stopped_everywhere

CHUNKS, KILLS, IN_A_ROW = 20, 5, 25
SETTINGS = [(task, settings) for task, each in RUNS.items() for settings in each]


@pytest.mark.parametrize(("task", "settings"), SETTINGS, ids=lambda each: each if isinstance(each, str) else each[0])
def test_a_run_stopped_at_any_step_ends_alike(tally, tmp_path: Path, task: str, settings: tuple[str, ...]) -> None:
    found = [*stopped_everywhere(settings, tmp_path)]
    print(*(difference for each in found for difference in each[:5]), sep="\n")
    assert len(found) >= 7
    tally(f"stopped at any step and resumed: {task}", len(found), found.count([]))


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    with closing(Runs()) as server:
        yield server


@pytest.fixture(scope="module")
def short(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ending]:
    """A short run that was left alone, which ends as another one does."""
    place = tmp_path_factory.mktemp("short")
    cold = left_alone(runs, place / "cold", SHORT)
    ending = left_alone(runs, place / "alone", SHORT)
    assert not faults(cold, place / "cold", place / "alone")
    return place / "alone", ending


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_run_that_was_killed_ends_as_it_would_have(tally, runs, short, rng: random.Random, tmp_path, chunk) -> None:
    """Killed at a random instant: at any call of a function that a whole run makes, and a random while after it."""
    wrong = [killed_runs.once(runs, tmp_path / str(number), short, rng) for number in range(KILLS)]
    print(*(fault for each in wrong for fault in each[:5]), sep="\n")
    tally("killed at a random instant, and started again", KILLS, wrong.count([]))


def test_a_run_that_was_killed_again_and_again_ends_as_it_would_have(tally, runs, rng: random.Random, tmp_path) -> None:
    alone = tmp_path / "alone", left_alone(runs, tmp_path / "alone", LONG)
    wrong = killed_runs.again_and_again(runs, tmp_path / "killed", alone, IN_A_ROW, rng)
    print(*wrong[:5], sep="\n")
    tally("killed 25 times in a row, and started again each time", 1, not wrong)
