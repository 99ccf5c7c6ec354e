"""From a task and its data to its baselines: the kind, the cache, and errors."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from netyard.baselines import classes, compare
from netyard.baselines.compare import Compared, baselines_of
from netyard.baselines.scores import Scores
from netyard.data.tables.scikit import ScikitData
from netyard.tasks.interfaces import HasBaselines

TASK = SimpleNamespace(baseline_kind="classes", num_outputs=3)
PAIR = {"accuracy": {"majority": 0.25, "decision_tree": 0.75}, "f1": {"majority": 0.5}}


def iris(**given: Any) -> ScikitData:
    return ScikitData(dataset="iris", num_classes=3, num_features=4, **given)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages for which scores were computed, which are ``PAIR``."""
    stages: list[str] = []

    def scores(task: Any, data: Any, stage: str) -> Scores:
        stages.append(stage)
        return Scores(PAIR, "max")

    monkeypatch.setattr(classes, "scores", scores)
    return stages


def test_values_are_computed_once_for_a_data_set_and_its_split(tmp_path: Path, counted: list[str]) -> None:
    def found(**given: Any) -> Compared | None:
        return baselines_of(TASK, iris(**given), "test", None, tmp_path)

    first = found()
    assert first is not None
    assert first.values == {f"test/{metric}": values for metric, values in PAIR.items()}
    again = found(batch_size=7, seed=3)
    assert again is not None
    assert (again.record(), again.seconds) == (first.record(), 0.0)
    assert counted == ["test"]
    found(split_seed=1)
    found(val_fraction=0.2)
    baselines_of(SimpleNamespace(baseline_kind="classes", num_outputs=4), iris(), "test", None, tmp_path)
    baselines_of(TASK, iris(), "val", None, tmp_path)
    assert counted == ["test"] * 4 + ["val"]


def test_other_numbers_with_the_same_targets_are_other_data(tmp_path: Path, counted: list[str]) -> None:
    """A table of the same shape and classes has the same fingerprint as a resumed run's data."""
    for factor in (1.0, 2.0):
        data = iris()
        data.setup()
        data.split("train").x[0] *= factor
        baselines_of(TASK, data, "test", None, tmp_path)
    assert len(counted) == 2


def test_only_metrics_of_the_run_are_recorded(tmp_path: Path, counted: list[str]) -> None:
    found = baselines_of(TASK, iris(), "test", {"test/accuracy", "test/loss"}, tmp_path)
    assert found is not None
    assert [*found.record()["baselines"]] == ["test/accuracy"]
    assert found.record()["baseline_facts"]["best"] == "decision_tree"
    assert found.ranked == [("decision_tree", 0.75), ("majority", 0.25)]
    assert baselines_of(TASK, iris(), "test", {"test/loss"}, tmp_path) is None


@pytest.mark.parametrize("task", [SimpleNamespace(), SimpleNamespace(baseline_kind=""), object()])
def test_a_task_of_no_kind_has_none(task: Any, tmp_path: Path) -> None:
    assert baselines_of(task, iris(), "test", None, tmp_path) is None
    assert not any(tmp_path.iterdir())


def test_an_error_is_one_line_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def scores(task: Any, data: Any, stage: str) -> Scores:
        raise ZeroDivisionError("division by zero\nsecond line")

    monkeypatch.setattr(classes, "scores", scores)
    with caplog.at_level(logging.WARNING):
        assert baselines_of(TASK, iris(), "test", None, tmp_path) is None
    assert caplog.messages == ["there are no baselines of this run: ZeroDivisionError: division by zero"]


def test_global_random_numbers_and_threads_stay_as_they_are(tmp_path: Path) -> None:
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state(), torch.get_num_threads())
    assert baselines_of(TASK, iris(), "test", None, tmp_path) is not None
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state(), torch.get_num_threads())
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert before[3] == after[3]


def test_every_kind_is_a_module_of_its_name() -> None:
    from netyard.baselines import kinds

    for name in kinds.KINDS:
        module: Any = kinds.kind_of(name)
        assert {"VERSION", "settings", "scores"} <= {*dir(module)}, name
    assert compare.kind_of("none") is None
    assert isinstance(TASK, HasBaselines)
