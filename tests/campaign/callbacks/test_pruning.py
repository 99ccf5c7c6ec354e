"""A hopeless job under each pruner, and of several ranks."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from netyard import checkpoint
from netyard.sweeps.ledger import Job
from support.pruned_job import HOPELESS, RUN, begin, study_of

optuna = pytest.importorskip("optuna")


@pytest.fixture
def sweep(tmp_path: Path):
    return partial(study_of, tmp_path / "sweep")


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


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
    search = sweep(pruner, **options)
    ran = train(*RUN, HOPELESS, path=begin(search, tmp_path / "job"))
    assert ran.code == 0, ran.err
    status = ran.json("status.json")
    assert status["state"] == "pruned", ran.err
    done = rows(ran.path)
    assert len(done) == epochs < 8
    assert status["error"].startswith(f"pruned after epoch {len(done) - 1}: val/loss {float(done[-1]['val/loss']):.4g}")
    assert status["error"] in ran.out and "Traceback" not in ran.out + ran.err
    assert checkpoint.read(ran.path / "checkpoints" / "last.ckpt")["epoch"] == len(done) - 1
    assert not (ran.path / "results.json").exists()
    search.tell(Job(6, [], "pruned"))
    trial = search._study.trials[6]
    assert trial.state == optuna.trial.TrialState.PRUNED
    assert trial.intermediate_values == {
        int(row["epoch"]): pytest.approx(float(row["val/loss"]), rel=1e-5) for row in done
    }


def test_all_ranks_give_up_together(sweep, command, tmp_path: Path):
    search = sweep()
    path = begin(search, tmp_path / "job")
    done = command("train.py", *RUN, "trainer=ddp_cpu", "trainer.devices=2", HOPELESS, f"hydra.run.dir={path}")
    assert done.code == 0, done.err
    assert json.loads((path / "status.json").read_text())["state"] == "pruned"
    assert [*search._study.trials[6].intermediate_values] == [0]
