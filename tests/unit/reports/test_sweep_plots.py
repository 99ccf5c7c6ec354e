"""The pictures of a report: which are drawn, and what the curves in them are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from netyard.reports.colour_scale import logarithmic, numeric
from netyard.reports.configurations import tabulate
from netyard.reports.sweep_plots import draw, learning_curve
from netyard.run_directories.records import gather
from support.run_directories import made_ledger, made_run


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


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A rate over two decades, a choice, a list and a key of one choice alone, on two seeds."""
    jobs = []
    for seed in range(2):
        for lr in (0.001, 0.1):
            for optimizer, size in (("adam", "[8]"), ("sgd", "[8,8]")):
                typed = [f"optimizer={optimizer}", f"optimizer.lr={lr}", f"model.hidden_sizes={size}"]
                typed += ["optimizer.momentum=0.9"] if optimizer == "sgd" and lr > 0.01 else []
                made_run(
                    tmp_path / "sweep" / str(len(jobs)),
                    lr + seed / 10,
                    typed,
                    optimizer,
                    seed,
                    curve=[0.0, lr, lr + seed / 10],
                )
                jobs.append({})
    axes = ["optimizer", "optimizer.lr", "model.hidden_sizes", "optimizer.momentum", "seed"]
    return made_ledger(tmp_path / "sweep", axes, jobs)


def test_a_sweep_has_every_picture(sweep: Path, tmp_path: Path) -> None:
    assert drawn(sweep, tmp_path / "report") == [
        "objective_by_optimizer.png",
        "objective_by_optimizer.lr.png",
        "objective_by_model.hidden_sizes.png",
        "objective_by_optimizer.momentum.png",
        "parallel_coordinates.png",
        "learning_curves.png",
    ]


def test_one_configuration_has_its_curves_alone(tmp_path: Path) -> None:
    for seed in range(2):
        made_run(tmp_path / "runs" / str(seed), 0.9, seed=seed, curve=[0.5, 0.9])
    assert drawn(tmp_path / "runs", tmp_path / "report") == ["learning_curves.png"]


def test_tables_do_not_draw_into_one_file(tmp_path: Path) -> None:
    made_run(tmp_path / "runs" / "a", 0.9, curve=[0.9])
    made_run(tmp_path / "runs" / "b", 0.1, objective=("val/loss", "min"), curve=[0.1])
    assert drawn(tmp_path / "runs", tmp_path / "report") == [
        "val_accuracy_learning_curves.png",
        "val_loss_learning_curves.png",
    ]


def test_a_curve_is_the_mean_of_the_epochs_that_all_runs_have(tmp_path: Path) -> None:
    for seed, curve in enumerate([(0.1, 0.3, 0.5), (0.3, 0.5), (0.2, 0.4)]):
        made_run(tmp_path / str(seed), 0.9, seed=seed, curve=curve)
    (table,) = tabulate(gather([tmp_path])[0])
    (row,) = table.rows
    assert learning_curve(row, "val/accuracy") == [
        (0, pytest.approx(0.2), pytest.approx(0.1)),
        (1, pytest.approx(0.4), pytest.approx(0.1)),
    ]
    (tmp_path / "0" / "metrics.csv").write_text("epoch,val/accuracy\n0,0.1\n1,", encoding="utf-8")
    assert len(learning_curve(row, "val/accuracy")) == 1, "a torn row has no value"


def test_which_axes_are_numbers_and_which_are_logarithmic() -> None:
    assert numeric([1, 2.5, "-"])
    assert not numeric([True, False])
    assert not numeric(["adam", 1])
    assert not numeric(["-"])
    assert logarithmic([0.01, 0.1])
    assert not logarithmic([32, 64, 128])
    assert not logarithmic([0.0, 1000.0])


def study_of(path: Path, directions: list[str]) -> None:
    """A study in which ``optimizer.lr`` decides the first objective, and ``model.dropout`` the second."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(storage=storage, study_name="study", directions=directions)
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in ("optimizer.lr", "model.dropout")}
    draw = random.Random(0)
    for _ in range(16):
        lr, dropout = draw.random(), draw.random()
        values = [lr + 0.01 * dropout, dropout + 0.01 * lr][: len(directions)]
        params = {"optimizer.lr": lr, "model.dropout": dropout}
        study.add_trial(optuna.trial.create_trial(values=values, params=params, distributions=space))
    storage.engine.dispose()


def test_each_objective_has_an_importance(tmp_path: Path) -> None:
    from netyard.reports.importance import importances

    study_of(tmp_path / "study.db", ["maximize", "minimize"])
    found = importances([tmp_path], [])
    assert [max(weights, key=weights.__getitem__) for weights in found.values()] == ["optimizer.lr", "model.dropout"]


def test_what_is_no_study_is_told(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from netyard.reports.importance import importances

    (tmp_path / "study.db").write_text("rubbish" * 100, encoding="utf-8")
    notes: list[str] = []
    assert importances([tmp_path], notes) == {}
    assert "study.db cannot be read" in notes[0]


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
