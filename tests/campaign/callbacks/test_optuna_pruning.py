"""A hopeless job under each pruner, and of several ranks."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.pruned_job import HOPELESS, RUN, begin, check_given_up, study_of

pytest.importorskip("optuna")


@pytest.fixture
def sweep(tmp_path: Path):
    return partial(study_of, tmp_path / "sweep")


@pytest.mark.parametrize(
    ("pruner", "options", "epochs"),
    [
        ("median", {}, 1),
        ("median", {"n_warmup_steps": 3}, 4),
        ("percentile", {"percentile": 25.0}, 1),
        ("asha", {"min_resource": 2, "reduction_factor": 2}, 3),
        ("hyperband", {"min_resource": 2, "max_resource": 8, "reduction_factor": 8}, 3),
    ],
    ids=str,
)
def test_a_hopeless_job_ends_before_its_last_epoch(
    train, sweep, tmp_path: Path, pruner: str, options: dict[str, Any], epochs: int
):
    check_given_up(train, sweep(pruner, **options), tmp_path / "job", epochs)


def test_all_ranks_give_up_together(sweep, command, tmp_path: Path):
    search = sweep()
    path = begin(search, tmp_path / "job")
    done = command("train.py", *RUN, "trainer=ddp_cpu", "trainer.devices=2", HOPELESS, f"hydra.run.dir={path}")
    assert done.code == 0, done.err
    assert json.loads((path / "status.json").read_text())["state"] == "pruned"
    assert [*search._study.trials[6].intermediate_values] == [0]
