"""`netyard report` of one run: a page that holds all it shows, and says nothing that the run did not."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from support.run_page import page_of


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)

    return lambda path: page_of(path, capsys)


def test_a_run_is_a_page_in_one_file(train, page) -> None:
    typed = ["model=mlp_tiny", "data=iris", "optimizer.lr=0.01", "trainer.max_epochs=3", "model.hidden_sizes=[8,8]"]
    ran = train(*typed)
    assert ran.code == 0, ran.err
    found, results = page(ran.path), ran.json("results.json")

    assert all(address.startswith("data:image/png;base64,") for address in found.addresses)
    for source in found.pictures.values():
        Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).verify()
    assert "test_confusion" not in found.pictures, "the page has it as a table"
    for kind in ("loss", "accuracy"):
        lines = found.charts[kind]["series"]
        assert [line["name"] for line in lines] == [f"train/{kind}", f"val/{kind}"]
        assert found.charts[kind]["xs"] == ["0", "1", "2"] and all(map(float, lines[1]["values"]))
    matrix = found.rows["Confusion matrix"]
    assert matrix[0][1:] == ["setosa", "versicolor", "virginica"]
    assert sum(int(cell) for row in matrix[1:4] for cell in row[1:] if cell) == 30

    commands = "".join(found.code)
    assert "python train.py model=mlp_tiny data=iris optimizer.lr=0.01 trainer.max_epochs=3" in commands
    assert "'model.hidden_sizes=[8,8]'" in commands, "as a shell takes it"
    assert "netyard rerun " in commands

    changes = found.rows["Choices and changes"]
    assert ["data", "iris", "digits"] in changes and ["model", "mlp_tiny", "mlp"] in changes
    keys = {row[0]: row[1:] for row in changes}
    assert keys["optimizer.lr"] == ["0.01", "0.001"] and keys["model.hidden_sizes"][0] == "[8,8]"
    assert "optimizer.eps" not in keys and "data.num_classes" not in keys

    metrics = {row[0]: row[1:] for row in found.rows["Metrics"]}
    assert metrics[""] == ["val", "test"]
    assert float(metrics["loss"][1]) == pytest.approx(results["metrics"]["test/loss"], rel=1e-5)
    assert ["torch", results["environment"]["torch"]] in found.rows["Environment"]
