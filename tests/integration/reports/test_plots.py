"""The pictures of a report: which are drawn, and what the curves in them are."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from netyard.reports.configurations import tabulate
from netyard.reports.plots import draw
from netyard.reports.runs import gather
from support.run_directories import made_run


def drawn(place: Path, folder: Path) -> list[str]:
    notes: list[str] = []
    files = draw(tabulate(gather([place])[0]), folder, [place], notes)
    assert notes == []
    for file in files:
        with Image.open(file) as picture:
            assert picture.format == "PNG"
            extremes = picture.convert("L").getextrema()
            assert extremes[0] < 50 and extremes[1] == 255, "ink on paper"
    return [file.name for file in files]


def study_of(path: Path, directions: list[str]) -> None:
    """A study in which ``optimizer.lr`` decides the first objective, and ``model.dropout`` the second."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(
        storage=storage, study_name="study", directions=directions, sampler=optuna.samplers.RandomSampler(seed=0)
    )

    def values(trial):  # type: ignore[no-untyped-def]
        lr, dropout = trial.suggest_float("optimizer.lr", 0, 1), trial.suggest_float("model.dropout", 0, 1)
        both = (lr + 0.01 * dropout, dropout + 0.01 * lr)
        return both[: len(directions)]

    study.optimize(values, n_trials=30)
    storage.engine.dispose()


def test_importance_is_of_the_key_that_decides(tmp_path: Path) -> None:
    from netyard.reports.importance import importances

    study_of(tmp_path / "sweep" / "study.db", ["maximize"])
    before = (tmp_path / "sweep" / "study.db").read_bytes()
    notes: list[str] = []
    (weights,) = importances([tmp_path], notes).values()
    assert weights["optimizer.lr"] > 0.9
    assert sum(weights.values()) == pytest.approx(1)
    assert (tmp_path / "sweep" / "study.db").read_bytes() == before, "it only looks"
    made_run(tmp_path / "sweep" / "0", 0.9)
    assert drawn(tmp_path, tmp_path / "report") == ["parameter_importance.png"]
