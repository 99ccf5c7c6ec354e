"""A job of a sweep reports how it does, and is given up where others did better at its age."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.pruned_job import FINE, RUN, begin, check_given_up, losses, study_of

optuna = pytest.importorskip("optuna")


@pytest.fixture
def sweep(tmp_path: Path):
    return partial(study_of, tmp_path / "sweep")


@pytest.mark.parametrize(
    ("pruner", "options", "epochs"),
    [
        ("median", {"n_warmup_steps": 3}, 4),
        ("asha", {"min_resource": 2, "reduction_factor": 2}, 3),
    ],
    ids=str,
)
def test_a_hopeless_job_ends_before_its_last_epoch(
    train, sweep, tmp_path: Path, pruner: str, options: dict[str, Any], epochs: int
):
    check_given_up(train, sweep(pruner, **options), tmp_path / "job", epochs)


def test_a_good_job_runs_to_its_end(train, sweep, tmp_path: Path):
    search = sweep(n_warmup_steps=7)
    ran = train(*RUN, FINE, path=begin(search, tmp_path / "job"))
    assert ran.code == 0 and ran.json("status.json")["state"] == "completed", ran.err
    reported = search._study.trials[6].intermediate_values
    assert reported == losses(ran.path)
    assert [*reported] == list(range(8))


def test_only_validated_epochs_are_reported(train, sweep, tmp_path: Path):
    search = sweep(n_warmup_steps=9)
    ran = train(*RUN, FINE, "trainer.check_val_every_n_epoch=3", path=begin(search, tmp_path / "job"))
    assert ran.code == 0, ran.err
    assert [*search._study.trials[6].intermediate_values] == [2, 5]


def test_a_resumed_job_does_not_report_an_epoch_twice(train, sweep, tmp_path: Path):
    search = sweep(n_warmup_steps=9)
    path = begin(search, tmp_path / "job")
    assert train(*RUN, FINE, "trainer.max_epochs=3", path=path).code == 0
    # As if it had been killed after its report of epoch 3, and before the checkpoint of that epoch.
    optuna.trial.Trial(search._study, search._trials()[6]._trial_id).report(0.123, 3)
    resumed = train(f"resume={path}", "trainer.max_epochs=5", path=path)
    assert resumed.code == 0, resumed.err
    reported = search._study.trials[6].intermediate_values
    assert [*reported] == [0, 1, 2, 3, 4] and reported[3] == 0.123


def test_a_metric_that_is_not_logged_is_one_message(train, sweep, tmp_path: Path):
    search = sweep()
    search.metric = "val/recall"
    ran = train(*RUN, FINE, path=begin(search, tmp_path / "job"))
    assert ran.code == 2
    assert "the sweep is pruned by val/recall, which this job does not log; it logs " in ran.err


def test_a_study_that_is_gone_does_not_end_the_run(train, sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    search = sweep()

    def fail(self: Any, value: float, step: int) -> None:
        raise optuna.exceptions.StorageInternalError("the database is gone")

    path = begin(search, tmp_path / "job")
    monkeypatch.setattr(optuna.trial.Trial, "report", fail)
    ran = train(*RUN, FINE, "trainer.max_epochs=1", path=path)
    assert ran.code == 0, ran.err
    assert "the report of epoch 0 to the sweep's study failed: the database is gone" in ran.out + ran.err
