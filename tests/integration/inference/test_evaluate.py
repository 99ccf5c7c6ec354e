"""The report of an evaluation: its numbers compared with other libraries, and its files."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

import netyard
from netyard.cli import main


@pytest.fixture
def said(finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Evaluate a run into a folder, and return what was printed, the folder and the recorded metrics."""

    def run(name: str) -> tuple[str, Path, dict[str, float]]:
        assert main.main(["evaluate", f"run={finished(name)}", f"output={tmp_path / 'told'}"]) == 0
        metrics = json.loads((finished(name) / "results.json").read_text())["metrics"]
        return capsys.readouterr().out, tmp_path / "told", metrics

    return run


def test_every_command_uses_the_last_network_if_it_is_told_to(train, tmp_path: Path) -> None:
    # The largest loss is the best, so that the best epoch is the first.
    ran = train(
        *("model=vae_tiny", "callbacks.scores=null", "debug=smoke", "trainer.max_epochs=3", "optimizer.lr=0.01"),
        *("logger=none", "task.monitor=val/loss", "task.mode=max"),
    )
    assert ran.code == 0 and ran.json("results.json")["objective"]["epoch"] == 0, ran.err
    run = netyard.load(ran.path)
    best, last = run.evaluate(), run.evaluate(which="last")
    assert best["test/loss"] > last["test/loss"]
    assert best["test/loss"] == pytest.approx(ran.json("results.json")["metrics"]["test/loss"], rel=1e-6)
    errors = [sum(row["reconstruction_error"] for row in run.predict(which=which)) for which in ("best", "last")]
    assert errors[0] > errors[1]
    pictures = [run.generate(count=2, which=which).pictures for which in ("best", "last")]
    assert not torch.equal(*pictures)
    for which, name in (("best", "model.pt"), ("last", "model.last.pt")):
        path = run.export("state_dict", which=which)
        assert path == ran.path / "exports" / name
        state = torch.load(ran.path / "checkpoints" / f"{which}.ckpt", weights_only=True)["state_dict"]
        assert all(torch.equal(value, state[f"net.{key}"]) for key, value in torch.load(path).items())
    with pytest.raises(netyard.NetyardError, match="which is 'lst'"):
        run.predict(which="lst")


def test_evaluate_prints_and_writes_the_report_of_a_classification(said) -> None:
    text, folder, recorded = said("iris")
    told = json.loads((folder / "evaluation.json").read_text())
    assert told["metrics"] == {name: value for name, value in recorded.items() if name.startswith("test/")}
    assert [each["class"] for each in told["classes"]] == ["setosa", "versicolor", "virginica"]
    assert sum(map(sum, told["confusion"])) == 30
    assert told["calibration"]["error"] == pytest.approx(told["metrics"]["test/ece"])
    for each in told["calibration"]["bins"]:
        means = rf"{each['confidence'] or 0:.4g} +\| {each['accuracy'] or 0:.4g} "
        cells = rf"{each['from']:.2f} to {each['to']:.2f} +\| {means}"
        assert bool(re.search(cells, text)) == bool(each["count"])
    rows = list(csv.reader((folder / "confusion.csv").read_text().splitlines()))
    assert rows[0] == ["true", "setosa", "versicolor", "virginica"]
    assert [list(map(int, row[1:])) for row in rows[1:]] == told["confusion"]
    for name in ("reliability.png", "confusion.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 300
        assert f"{name}\n" in text
    low, high = told["intervals"]["test/accuracy"]["interval"]
    assert (
        f"test/accuracy {recorded['test/accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f} (Wilson, n = 30)" in text
    )


def test_evaluate_prints_and_writes_the_report_of_a_regression(said) -> None:
    text, folder, recorded = said("regression")
    told = json.loads((folder / "evaluation.json").read_text())
    assert told["errors"][0]["mae"] == pytest.approx(recorded["test/mae"], rel=1e-4)
    assert told["errors"][0]["rmse"] == pytest.approx(recorded["test/rmse"], rel=1e-4)
    assert f"test/mae {recorded['test/mae']:.4f}, 95 % interval" in text
    assert (folder / "predicted_vs_true.png").is_file()


def test_a_forecast_has_errors_for_each_step(finished, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["evaluate", f"run={finished('sales')}"]) == 0
    text = capsys.readouterr().out
    assert "| step | mean error" in text and "windows, n = " in text


def test_output_that_is_a_file_is_refused(finished, tmp_path: Path, capsys) -> None:
    (tmp_path / "there.txt").write_text("")
    assert main.main(["evaluate", f"run={finished('iris')}", f"output={tmp_path / 'there.txt'}"]) == 2
    assert "there.txt, a file; output is a folder; try output=" in capsys.readouterr().err
