"""Which runs are looked at, and what of a run the checks get."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard.diagnostics.facts import Diagnosis, again
from netyard.run_directories.directory import RunDir
from netyard.training import diagnosis
from support.run_facts import CHOICES, CONFIG, made_facts

FOUND = Diagnosis("rate_too_large", "the loss grew", again("optimizer.lr=0.1"))
RESULTS: dict[str, Any] = {"data_summary": {}, "metrics": {}, "objective": {}}


def context(path: Path = Path("run"), chosen: Any = None, **trainer: Any) -> Any:
    config = {**CONFIG, "diagnostics": True, "trainer": {"max_epochs": 5, **trainer}}
    task, data = SimpleNamespace(confusion=None), SimpleNamespace()
    choices = {**CHOICES, **(chosen or {})}
    return SimpleNamespace(config=config, choices=choices, run_dir=RunDir(path), task=task, datamodule=data)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run that is looked at has one finding."""
    monkeypatch.setattr(diagnosis, "facts_of", lambda *_: made_facts({"train/loss": [1.0]}))
    monkeypatch.setattr(diagnosis, "diagnose", lambda _: [FOUND])
    monkeypatch.setattr(diagnosis.suggested_commands, "again", lambda _, changes: f"train {' '.join(changes)}")


def test_a_finding_is_a_check_a_sentence_and_a_command(always: None) -> None:
    said = {"check": "rate_too_large", "sentence": "the loss grew", "command": "train optimizer.lr=0.1"}
    assert diagnosis.found(context(), SimpleNamespace(), RESULTS) == [said]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"chosen": {"debug": "overfit"}},
        {"fast_dev_run": 2},
        {"overfit_batches": 3},
        {"limit_train_batches": 10},
        {"limit_val_batches": 0.5},
        {"limit_test_batches": 1},  # one batch; 1.0 would be all
    ],
)
def test_runs_on_a_part_of_the_data_are_not_looked_at(always: None, settings: dict[str, Any]) -> None:
    assert diagnosis.found(context(**settings), SimpleNamespace(), RESULTS) == []  # type: ignore[arg-type]


def test_one_word_turns_it_off(always: None) -> None:
    run = context(limit_train_batches=1.0)
    assert diagnosis.found(run, SimpleNamespace(), RESULTS)  # type: ignore[arg-type]
    run.config["diagnostics"] = False
    assert not diagnosis.found(run, SimpleNamespace(), RESULTS)  # type: ignore[arg-type]


def test_an_error_in_a_check_ends_no_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("no such unit")

    monkeypatch.setattr(diagnosis, "facts_of", fails)
    assert diagnosis.found(context(), SimpleNamespace(), RESULTS) == []  # type: ignore[arg-type]
    assert "not diagnosed: ValueError: no such unit" in caplog.text


def test_a_job_of_a_sweep_says_it_in_its_file_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "netyard")
    results = {"diagnostics": [{"check": "a", "sentence": "the loss grew", "command": "python train.py seed=1"}]}
    for name, job in (("single", False), ("job", True)):
        (tmp_path / name).mkdir()
        if job:
            (tmp_path / name / "job.json").write_text("{}")
        diagnosis.log_found(context(tmp_path / name), results)
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.DEBUG]
    assert caplog.records[0].getMessage() == "the loss grew\n  try  python train.py seed=1"


def test_the_history_is_that_of_the_file_without_what_was_not_measured(tmp_path: Path) -> None:
    assert diagnosis.history(RunDir(tmp_path)) == []
    (tmp_path / "metrics.csv").write_text("epoch,train/loss,val/loss\r\n0,2.5,\r\n1,nan,1.25\r\n")
    first, second = diagnosis.history(RunDir(tmp_path))
    assert first == {"epoch": 0.0, "train/loss": 2.5} and second["val/loss"] == 1.25


@pytest.mark.parametrize(
    ("confusion", "wanted"),
    [
        ([[5, 0], [3, 0]], "setosa"),
        ([[5, 0], [3, 1]], None),
        ([[0, 5], [0, 0]], None),  # the samples are of one class themselves
        (None, None),
    ],
)
def test_one_predicted_class_is_seen_in_the_confusion_matrix(confusion: Any, wanted: str | None) -> None:
    run = context()
    run.task.confusion = None if confusion is None else torch.tensor(confusion)
    run.datamodule.class_names = ["setosa", "virginica"]
    facts = diagnosis.facts_of(run, SimpleNamespace(current_epoch=5, strategy=None), RESULTS)  # type: ignore[arg-type]
    assert facts.predicted_class == wanted and not facts.ended_early
