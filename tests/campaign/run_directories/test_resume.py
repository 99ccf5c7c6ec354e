"""A run that was stopped at any step, or killed at any instant, ends as the one that was left alone, to the bit."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support import killed_runs
from support.killed_runs import LONG, SHORT, Runs, faults, left_alone
from support.resumed_runs import check_refused, killed
from support.stopped_runs import RUNS, stopped_everywhere
from support.warm_processes import WarmServer

CHANGES = {
    "data.batch_size=30": "data.batch_size changed from 20 to 30",
    "model=mlp_table": "model changed from mlp_tiny to mlp_table",
    "model.dropout=0.5": "model.dropout changed from 0.0 to 0.5",
    "optimizer.lr=0.5": "optimizer.lr changed from ",
    "optimizer=sgd": "optimizer changed from adam to sgd",
    "scheduler=cosine": "scheduler changed from constant to cosine",
    "task.monitor=val/loss": "task.monitor changed from val/accuracy to val/loss",
    "trainer.accumulate_grad_batches=2": "trainer.accumulate_grad_batches changed from 1 to 2",
}
KILLS, CHUNK, IN_A_ROW = int(os.environ.get("KILLS", "100")), 5, 25
SETTINGS = [(task, settings) for task, each in RUNS.items() for settings in each]


@pytest.mark.parametrize("change", CHANGES)
def test_another_experiment_is_refused_with_the_difference(train, copied_run, change: str) -> None:
    killed(begun := copied_run("iris"))
    check_refused(train, begun, change, CHANGES[change])


@pytest.mark.parametrize(("task", "settings"), SETTINGS, ids=lambda each: each if isinstance(each, str) else each[0])
def test_a_run_stopped_at_any_step_ends_alike(tally, tmp_path: Path, task: str, settings: tuple[str, ...]) -> None:
    found = [*stopped_everywhere(settings, tmp_path)]
    print(*(difference for each in found for difference in each[:5]), sep="\n")
    assert len(found) >= 7
    tally(f"stopped at any step and resumed: {task}", len(found), found.count([]))


@pytest.fixture(scope="module")
def runs(warm_server: WarmServer) -> Iterator[Runs]:
    with closing(Runs(warm_server)) as server:
        yield server


@pytest.fixture(scope="module")
def short(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A short run that was left alone, which ends as another one does, and its calls."""
    place = tmp_path_factory.mktemp("short")
    other = left_alone(runs, place / "other", SHORT)
    ending = left_alone(runs, place / "alone", SHORT, counted=True)
    assert not faults(other, place / "other", place / "alone")
    return place / "alone", ending.calls


@pytest.mark.parametrize("chunk", range(KILLS // CHUNK))
def test_a_run_killed_at_an_instant_ends_as_it_would_have(
    tally, runs, short, rng: random.Random, tmp_path, chunk
) -> None:
    """Of a run's start and epochs one is drawn, of its calls of functions one, and a while of 2 ms at most after it."""
    wrong = [killed_runs.once(runs, tmp_path / str(number), *short, rng) for number in range(CHUNK)]
    print(*(fault for each in wrong for fault in each[:5]), sep="\n")
    tally("killed at a random instant, and started again", CHUNK, wrong.count([]))


def test_a_run_killed_again_and_again_ends_as_it_would_have(tally, runs, short, rng, tmp_path) -> None:
    left_alone(runs, tmp_path / "alone", LONG)
    wrong = killed_runs.again_and_again(runs, tmp_path / "killed", tmp_path / "alone", short[1], IN_A_ROW, rng)
    print(*wrong[:5], sep="\n")
    tally("killed 25 times in a row, and started again each time", 1, not wrong)
