"""``netyard baseline``: its directory, predictions that have its scores, and what such a directory cannot do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netyard
from netyard.baselines import kinds
from netyard.cli import main
from netyard.run_directories.directory import RunDir


class Writer:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> netyard.Run:
    return netyard.baseline("data=iris", f"hydra.run.dir={tmp_path_factory.mktemp('baselines') / 'iris'}")


def test_predictions_have_the_score_of_the_model(iris: netyard.Run) -> None:
    for name, accuracy in iris.baselines["test/accuracy"].items():
        rows = [*iris.predict(model=name)]
        found = np.mean([row["label"] == row["prediction"] for row in rows])
        assert found == pytest.approx(accuracy), name


def test_the_best_on_the_validation_part_is_recorded(iris: netyard.Run) -> None:
    best = iris.results["model"]
    assert iris.metrics["test/accuracy"] == iris.baselines["test/accuracy"][best]
    assert iris.state == "completed"
    assert [*iris.predict()] == [*iris.predict(model=best)]


def test_files_are_predicted_by_the_command(iris: netyard.Run, tmp_path: Path, capsys) -> None:
    given, output = tmp_path / "given.csv", tmp_path / "made.csv"
    columns = [f"{part} {side} (cm)" for part in ("sepal", "petal") for side in ("length", "width")]
    given.write_text(f"{','.join(columns)}\n5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    words = ["predict", str(iris.path), f"input={given}", f"output={output}", "model=nearest_neighbours"]
    assert main.main(words) == 0
    assert [line.split(",")[1] for line in output.read_text().splitlines()] == ["prediction", "setosa", "virginica"]


@pytest.mark.parametrize(
    ("use", "answer"),
    [
        (lambda run: run.evaluate(), "and no network"),
        (lambda run: run.export("onnx"), "and no network"),
        (lambda run: netyard.fit(f"resume={run.path}"), "only the training of a network is continued"),
        (lambda run: run.predict(model="svm"), "model=svm; the baselines in"),
    ],
)
def test_what_needs_a_network_says_so(iris: netyard.Run, use: Any, answer: str) -> None:
    with pytest.raises(netyard.NetyardError, match=answer):
        use(iris)


def test_the_commands_for_runs_say_so_or_work(iris: netyard.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["rerun", str(iris.path)]) == 4
    assert "a rerun trains a network again" in capsys.readouterr().err
    assert main.main(["runs", str(iris.path)]) == 0
    assert iris.results["model"] in capsys.readouterr().out


def test_a_run_with_a_network_has_no_models_to_choose(finished) -> None:
    with pytest.raises(netyard.NetyardError, match="leave model out"):
        netyard.load(finished("iris")).predict(model="majority")


def test_no_object_in_the_file_of_a_stranger_is_loaded(tmp_path: Path, iris: netyard.Run) -> None:
    path = Path(shutil.copytree(iris.path, tmp_path / "run"))
    torch.save({"baselines": Writer(tmp_path / "opened")}, RunDir(path).baselines)
    with pytest.raises(netyard.NetyardError, match="cannot be read as a checkpoint"):
        netyard.load(path).predict()
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("changed", [{"x": None}, {"fits": {}}, {"x": torch.zeros(3, 4)}, {"outputs": "three"}])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, iris: netyard.Run, changed: dict[str, Any]) -> None:
    path = RunDir(shutil.copytree(iris.path, tmp_path / "run")).baselines
    content = torch.load(path, weights_only=True)
    torch.save({**content, "baselines": {**content["baselines"], **changed}}, path)
    with pytest.raises(netyard.NetyardError, match="does not have what nearest_neighbours was fitted on"):
        netyard.load(path.parent).predict(model="nearest_neighbours")


def test_without_a_validation_part_a_model_is_named(tmp_path: Path) -> None:
    run = netyard.baseline("data=iris", "data.val_fraction=0", f"hydra.run.dir={tmp_path / 'run'}")
    with pytest.raises(netyard.NetyardError, match="no model is named"):
        run.predict()
    assert len([*run.predict(model="decision_tree")]) == 30


def test_a_task_without_baselines_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(kinds.KINDS, "classes")
    with pytest.raises(netyard.NetyardError, match="there are no baselines of task=classification with data=iris"):
        netyard.baseline("data=iris", f"hydra.run.dir={tmp_path / 'run'}")
    assert not (tmp_path / "run").exists()


def test_a_language_model_has_baselines_that_predict_nothing(tmp_path: Path) -> None:
    run = netyard.baseline("data=python_source", "data.max_characters=20000", f"hydra.run.dir={tmp_path / 'run'}")
    assert run.results["model"] == "ngram"
    with pytest.raises(netyard.NetyardError, match="baselines of tokens, which predict nothing"):
        run.predict()
