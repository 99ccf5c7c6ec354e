"""Runs that tests share: each is trained once, and a change of one is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import finished_runs
from support.finished_runs import RUNS, FinishedRuns


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs in the order in which they are trained, which takes no time here."""
    names: list[str] = []

    def train(overrides: list[str], path: Path) -> None:
        path.mkdir()
        (path / "status.json").write_text('{"state": "completed"}')
        names.append(path.name)

    monkeypatch.setattr(finished_runs, "_train", train)
    return names


def test_a_run_is_trained_once_for_all_that_share_the_folder(trained: list[str], tmp_path: Path) -> None:
    one, other = FinishedRuns(tmp_path / "runs"), FinishedRuns(tmp_path / "runs")
    assert one("iris") == other("iris") == one("iris")
    one("regression")
    assert trained == ["iris", "regression"]


def test_a_changed_file_is_seen(trained: list[str], tmp_path: Path) -> None:
    runs = FinishedRuns(tmp_path / "runs")
    runs("iris")
    runs("regression")
    assert runs.changed() == []
    (runs("iris") / "evaluation.json").touch()
    assert runs.changed() == ["iris"]


def test_a_run_that_did_not_finish_is_no_run_to_share(trained: list[str], tmp_path: Path) -> None:
    runs = FinishedRuns(tmp_path / "runs")
    runs("iris")
    (tmp_path / "runs" / "iris" / "status.json").write_text('{"state": "failed"}')
    with pytest.raises(AssertionError, match="the run iris is failed"):
        FinishedRuns(tmp_path / "runs")("iris")


def test_the_runs_cover_every_task() -> None:
    tasks = {"classification", "regression", "forecasting", "language", "translation", "reconstruction"}
    assert tasks | {"variational", "vector_quantized", "adversarial", "q_learning"} <= set(RUNS)
