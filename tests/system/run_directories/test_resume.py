"""A run that was stopped at any step, or killed at an instant, ends as the one that was left alone, to the bit."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

from support import killed_runs
from support.killed_runs import SHORT, Runs, left_alone
from support.stopped_runs import RUNS, stopped_everywhere
from support.warm_processes import WarmServer


def test_a_run_killed_at_an_instant_ends_as_it_would_have(
    warm_server: WarmServer, rng: random.Random, tmp_path: Path
) -> None:
    with closing(Runs(warm_server)) as runs:
        alone = tmp_path / "alone"
        calls = left_alone(runs, alone, SHORT, counted=True).calls
        assert killed_runs.once(runs, tmp_path / "killed", alone, calls, rng) == []


def test_a_run_stopped_at_any_step_ends_alike(tmp_path: Path) -> None:
    found = [*stopped_everywhere(RUNS["classification"][0], tmp_path)]
    assert len(found) >= 7 and not any(found), found
