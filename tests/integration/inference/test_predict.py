"""``netyard predict``: predictions for the user's files, their columns, and the messages for wrong options."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_iris
from sklearn.metrics import roc_auc_score

from netyard.cli import main
from netyard.config.instantiate import build
from netyard.data.core.image_inputs import ImageReader
from netyard.export.description import of_run
from netyard.plots.image_grid import write_png
from netyard.training import checkpoint
from support.finished_runs import RUNS


@pytest.fixture
def predict(finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Predict, and read the table that was written."""

    def run(name: str | Path, where: Path | str | None = None, *options: str) -> list[dict[str, str]]:
        output = tmp_path / "out.csv"
        given = [] if where is None else [f"input={where}"]
        path = name if isinstance(name, Path) else finished(name)
        assert main.main(["predict", f"run={path}", *given, *options, f"output={output}"]) == 0, capsys.readouterr().err
        assert not list(tmp_path.glob(".*.tmp"))
        with output.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return list(csv.DictReader(file))

    return run


def data_of(run: Path) -> Any:
    recorded = checkpoint.read(run / "checkpoints" / "best.ckpt")
    return build(recorded["netyard"]["config"]["data"])


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def close(rows: list[dict[str, str]], others: list[dict[str, str]]) -> bool:
    """Whether two tables are equal, up to rounding and the names of rows."""
    for row, other in zip(without(rows, "row", "file"), without(others, "row", "file"), strict=True):
        assert set(row) == set(other)
        for name, cell in row.items():
            number = re.fullmatch(r"-?[\d.]+(e-\d+)?", cell)
            if float(cell) != pytest.approx(float(other[name]), rel=1e-4, abs=1e-5) if number else cell != other[name]:
                return False
    return True


def without(rows: list[dict[str, str]], *names: str) -> list[dict[str, str]]:
    return [{name: cell for name, cell in row.items() if name not in names} for row in rows]


def test_probabilities_are_the_softmax_of_the_task(finished, predict) -> None:
    rows = predict("classification")
    task, data = checkpoint.load(finished("classification")), data_of(finished("classification"))
    split = data.split("test")
    with torch.no_grad():
        wanted = task(data.prepare(split.x, split.y)[0]).softmax(dim=1)
    got = torch.tensor([column(rows, f"probability_{number}") for number in range(10)]).T
    torch.testing.assert_close(got, wanted)
    assert [row["row"] for row in rows] == [str(number) for number in range(len(split))]
    assert [int(row["label"]) for row in rows] == split.y.tolist()
    assert [int(row["prediction"]) for row in rows] == wanted.argmax(dim=1).tolist()
    assert column(rows, "probability") == pytest.approx(wanted.max(dim=1).values.tolist())
    right = sum(row["prediction"] == row["label"] for row in rows) / len(rows)
    recorded = json.loads((finished("classification") / "results.json").read_text())["metrics"]
    assert right == pytest.approx(recorded["test/accuracy"], abs=1e-6)


@pytest.mark.parametrize("run", ["classification", "rows"])
def test_an_image_of_a_digit_has_the_prediction_of_the_digit(run: str, finished, predict, tmp_path: Path) -> None:
    """Written with white as 255, read with white as 16: the input is exactly the test sample."""
    split = data_of(finished(run)).split("test")
    for number in range(20):
        write_png(split.x[number] / 16, tmp_path / "digits" / f"{number:02}.png")
    pixels = (split.x[19, 0].numpy() * (255 / 16)).round().astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "digits" / "19.png")  # in greys, the others are in colour
    rows, tested = predict(run, tmp_path / "digits"), without(predict(run)[:20], "label")
    assert [row.pop("file") for row in rows] == [str(tmp_path / "digits" / f"{number:02}.png") for number in range(20)]
    assert close(rows, tested)


def test_an_image_of_any_size_is_cropped_to_its_central_square(predict, tmp_path: Path) -> None:
    pixels = np.zeros((80, 160), np.uint8)
    pixels[:, 60:100] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels[:, 40:120]).save(tmp_path / "square.png")
    assert close(predict("classification", tmp_path / "wide.png"), predict("classification", tmp_path / "square.png"))


def test_a_folder_of_colour_images_is_read_like_the_training_data(finished, predict) -> None:
    tested = predict("photos")
    rows = {row["file"]: row for row in predict("photos", finished.files / "photos")}
    assert len(rows) == 20 and set(tested[0]) - set(next(iter(rows.values()))) == {"label"}
    assert {row["label"] for row in tested} == {"red", "blue"}
    for row in tested:
        assert Path(row["file"]).parent.name == row["label"]
        assert close(without([row], "label"), [rows[row["file"]]])
    assert {"prediction", "probability", "probability_blue", "probability_red"} <= set(tested[0])
    blue = predict("photos", finished.files / "photos" / "*lue" / "[0-4].png")
    assert [Path(row["file"]).name for row in blue] == [f"{number}.png" for number in range(5)]
    assert close(blue, [rows[row["file"]] for row in blue])


def test_a_damaged_image_is_reported_and_left_out(finished, predict, capsys, tmp_path: Path) -> None:
    finished("photos")
    capsys.readouterr()  # of the training, if this is its first use
    shutil.copytree(finished.files / "photos" / "red", tmp_path / "mixed" / "deep")
    (tmp_path / "mixed" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "mixed" / "notes.txt").write_text("no picture, and not meant as one")
    (tmp_path / "mixed" / "photo.heic").touch()
    rows = predict("photos", tmp_path / "mixed")
    said = capsys.readouterr()
    assert len(rows) == 10 and "10 row(s) in" in said.out and "1 left out" in said.out
    assert said.err.count("\n") == 2 and "left out: 1 file .heic (a format that is not read" in said.err
    assert "broken.png cannot be read as an image" in said.err


def test_when_all_are_damaged_nothing_is_written(finished, capsys, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "out.csv").write_text("of yesterday")
    options = (f"run={finished('photos')}", f"input={tmp_path}", f"output={tmp_path / 'out.csv'}")
    assert main.main(["predict", *options]) == 3
    assert "none of the 1 file(s)" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text() == "of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.png", "out.csv"]


def test_only_one_batch_is_in_memory(finished) -> None:
    """Files are found lazily."""

    def paths():
        for _ in range(7):
            yield finished.files / "photos" / "red" / "0.png"
        raise AssertionError("looked ahead")

    batches = ImageReader((16, 16), 3).inputs(paths(), 7, batch_size=3).batches
    assert [len(next(batches).names) for _ in range(2)] == [3, 3]


def test_a_file_name_of_any_bytes_is_written_unchanged(finished, predict, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    names = ['a,"b".png', "Zürich.png", b"\xff.png".decode(errors="surrogateescape")]
    for name in names:
        shutil.copy(finished.files / "photos" / "red" / "0.png", tmp_path / "odd" / name)
    assert {Path(row["file"]).name for row in predict("photos", tmp_path / "odd")} == set(names)
    for suffix in (".jsonl", ".parquet"):
        words = [f"run={finished('photos')}", f"input={tmp_path / 'odd'}", f"output={tmp_path / f'out{suffix}'}"]
        assert main.main(["predict", *words]) == 0
    lines = [json.loads(line)["file"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {Path(name).name for name in lines} == set(names)
    table = parquet.read_table(tmp_path / "out.parquet")["file"].to_pylist()
    assert {Path(name).name for name in table} == {*names[:2], "\\udcff.png"}


@pytest.mark.parametrize("run", ["classification", "price", "sales", "anomalies"])
def test_each_output_format_has_the_same_content(run: str, finished, predict, tmp_path: Path) -> None:
    wanted = predict(run)
    for suffix in (".jsonl", ".PARQUET"):
        assert main.main(["predict", f"run={finished(run)}", f"output={tmp_path / f'out{suffix}'}"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "out.PARQUET")
    assert lines == table.to_pylist()
    assert [{name: str(cell) for name, cell in row.items()} for row in lines] == wanted
    assert all(isinstance(row["row"], int) for row in lines)


def test_parquet_without_its_package_is_refused(finished, capsys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main.main(["predict", f"run={finished('classification')}", f"output={tmp_path / 'out.parquet'}"]) == 5
    said = capsys.readouterr().err
    assert "needs pyarrow, which is not installed" in said and "pip install 'netyard[parquet]', or try output=" in said


def test_a_terminal_shows_a_progress_bar(finished, predict, capsys, monkeypatch, tmp_path: Path) -> None:
    """Warnings of left-out files appear above the bar."""
    shutil.copytree(finished.files / "photos" / "red", tmp_path / "mixed")
    (tmp_path / "mixed" / "broken.png").write_bytes(b"nothing")
    predict("photos", tmp_path / "mixed")
    assert "11/11" not in capsys.readouterr().err
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    predict("photos", tmp_path / "mixed")
    said = capsys.readouterr()
    assert "11/11" in said.err and "broken.png cannot be read as an image" in said.err
    assert said.out.startswith("10 row(s) in ")


def test_rows_are_read_by_the_columns_and_the_statistics_of_the_run(finished, train, predict, tmp_path: Path) -> None:
    """From the run directory only: the file of the training data is deleted."""
    shutil.copy(finished.files / "table.csv", tmp_path / "table.csv")
    ran = train(*(text.replace("FILES", str(tmp_path)) for text in RUNS["kind"]))
    assert ran.code == 0, ran.err
    with (tmp_path / "table.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    data = data_of(ran.path)
    data.setup()
    task, x = checkpoint.load(ran.path), data.split("test").x
    with torch.no_grad():
        wanted = task(x).softmax(dim=1)
    tested = predict(ran.path)
    (tmp_path / "table.csv").rename(tmp_path / "hidden.csv")
    with (tmp_path / "new.csv").open("w", newline="") as file:  # in another order, more of them, none to predict
        writer = csv.DictWriter(file, ["more", "city", "age"], delimiter=";", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"more": "x", **row} for row in table[:5])
    alone = predict(ran.path, tmp_path / "new.csv")
    whole = predict(ran.path, tmp_path / "hidden.csv")
    assert close(alone, whole[:5]), "five rows are not standardised by themselves"
    assert set(alone[0]) == {"row", "prediction", "probability", "probability_down", "probability_up"}
    assert [row["row"] for row in alone] == ["0", "1", "2", "3", "4"]
    torch.testing.assert_close(torch.tensor(column(tested, "probability_up")), wanted[:, 1])
    assert all(any(close(without([row], "label"), [other]) for other in whole) for row in tested)


def test_an_unknown_word_is_encoded_as_zeros(predict, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("age,city\n5,Rome\n5,Atlantis\n")
    rome, atlantis = predict("kind", tmp_path / "new.csv")
    assert rome["probability_up"] != atlantis["probability_up"]


def test_rows_with_missing_cells_follow_the_strategy_of_the_run(train, predict, capsys, tmp_path: Path) -> None:
    """One run on decimal commas; files with points, missing cells and new words are read by its columns."""
    lines = [f"{'' if i % 9 == 4 else i / 4:};{'uv'[i % 2]};{['hi', 'lo', 'NA'][i % 3]}" for i in range(90)]
    (tmp_path / "train.csv").write_text("\n".join(["a;g;y", *lines]).replace(".", ","))
    data = (f"data.path={tmp_path / 'train.csv'}", "data.target=y", "data.missing=drop", "data.batch_size=8")
    ran = train("model=mlp_tiny", "data=csv", *data, "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    summary = json.loads((ran.path / "results.json").read_text())["data_summary"]
    assert summary["columns"] == {"a": "number", "g": "category", "y": "target"}
    assert summary["left_out"] == [
        ["10 rows", "missing in 'a', data.missing=drop"],
        ["30 rows", "the target 'y' is 'NA'"],
    ]
    assert "columns: 1 number (a: decimal comma" in ran.out and "left out: 10 rows" in ran.out
    (tmp_path / "new.csv").write_text("g,a\nu,2.5\nv,\nw,2.5\nu,7.25\n")
    rows = predict(ran.path, tmp_path / "new.csv")
    said = capsys.readouterr()
    assert [row["row"] for row in rows] == ["0", "2", "3"] and "3 row(s) in" in said.out and "1 left out" in said.out
    assert "row 1: column 'a', line 3 of" in said.err and "column 'g': 1 cell(s) with 1 value(s)" in said.err
    (tmp_path / "commas.csv").write_text('g,a\nu,"2,5"\nu,"7,25"\n')
    assert close(predict(ran.path, tmp_path / "commas.csv"), [rows[0], rows[2]])
    # What an exported file says of its columns.
    described = of_run("0", {"model": "mlp_tiny", "data": "csv", "task": "x"}, {"model": {}}, loaded_data(ran.path))
    assert [(each["name"], each["missing"]) for each in described["columns"]] == [("a", "drop"), ("g", "drop")]
    assert described["columns"][0]["decimal"] == ","


def loaded_data(run: Path) -> Any:
    recorded = checkpoint.read(run / "checkpoints" / "best.ckpt")
    return checkpoint.build_data(recorded, recorded["netyard"]["config"])


def test_a_regression_predicts_in_the_units_of_its_target(finished, predict) -> None:
    rows = predict("price", finished.files / "table.csv")
    assert set(rows[0]) == {"row", "prediction"} and len(rows) == 90
    assert 50 < np.mean(column(rows, "prediction")) < 150
    tested = predict("price")
    error = np.abs(np.array(column(tested, "prediction")) - column(tested, "target")).mean()
    recorded = json.loads((finished("price") / "results.json").read_text())["metrics"]
    assert error == pytest.approx(recorded["test/mae"], rel=1e-4)


def test_a_table_of_a_package_has_column_names_too(predict, tmp_path: Path) -> None:
    iris = load_iris()
    lines = [",".join(iris.feature_names), *(",".join(map(str, row)) for row in iris.data)]
    (tmp_path / "iris.csv").write_text("\n".join(lines))
    rows, tested = predict("iris", tmp_path / "iris.csv"), predict("iris")
    assert {"probability_setosa", "probability_versicolor", "probability_virginica"} < set(rows[0])
    assert len(rows) == 150
    assert all(any(close([row], [other]) for other in rows) for row in without(tested, "label"))


def test_a_checkpoint_without_columns_measures_its_data_again(finished, predict, monkeypatch, tmp_path) -> None:
    iris = load_iris()
    (tmp_path / "iris.csv").write_text(f"{','.join(iris.feature_names)}\n5.1,3.5,1.4,0.2\n")
    rows = predict("iris", tmp_path / "iris.csv")
    monkeypatch.setattr(checkpoint, "restore_data", lambda *_: None)
    (again,) = predict("iris", tmp_path / "iris.csv")
    assert close([again], rows)


def test_texts_are_lines_or_a_column(predict, tmp_path: Path) -> None:
    texts = ["no no fine", "Poor", "unheard of", "no " * 50 + "fine"]
    (tmp_path / "lines.txt").write_text("\n".join(texts), encoding="utf-8")
    (tmp_path / "cells.csv").write_text("\n".join(["id;text", *(f"1;{text}" for text in texts)]), encoding="utf-8")
    rows = predict("opinions", tmp_path / "lines.txt")
    assert [row["row"] for row in rows] == ["0", "1", "2", "3"]
    assert {row["prediction"] for row in rows} <= {"good", "bad"}
    assert rows == predict("opinions", tmp_path / "cells.csv")


def test_empty_lines_have_a_row_without_a_prediction(predict, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("\nno fine\n \nno fine\n\n", encoding="utf-8")
    rows = predict("opinions", tmp_path / "lines.txt")
    assert [row["row"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [bool(row["prediction"]) for row in rows] == [False, True, False, True, False]
    assert rows[1] == {**rows[3], "row": "1"} and set(rows[0].values()) == {"0", ""}
    (tmp_path / "cells.csv").write_text('id,words\n1,no fine\n2,""\n', encoding="utf-8")
    first, second = predict("opinions", tmp_path / "cells.csv", "column=words")
    assert close([first], [rows[1]]) and second["probability"] == ""


def test_translations_are_a_line_for_each_line(finished, predict, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("42\n\n7\n42\n")
    rows = predict("translation", tmp_path / "in.txt")
    assert [row["row"] for row in rows] == ["0", "1", "2", "3"] and rows[1]["translation"] == ""
    assert rows[0]["translation"] == rows[3]["translation"]
    given = [f"input={tmp_path}/in.txt", f"output={tmp_path}/out.txt"]
    assert main.main(["predict", f"run={finished('translation')}", *given]) == 0
    assert (tmp_path / "out.txt").read_text().split("\n") == [*(row["translation"] for row in rows), ""]
    tested = predict("translation")
    assert set(tested[0]) == {"row", "source", "target", "translation"} and tested[0]["target"].isascii()


def test_predictions_of_texts_are_those_of_the_test(finished, predict, tmp_path: Path) -> None:
    tested, data = predict("opinions"), data_of(finished("opinions"))
    (tmp_path / "lines.txt").write_text("\n".join(data.decode(row) for row in data.split("test").x), encoding="utf-8")
    assert close(predict("opinions", tmp_path / "lines.txt"), without(tested, "label"))


def test_a_series_is_continued(finished, predict, tmp_path: Path) -> None:
    (row,) = predict("sales", finished.files / "sales.csv")
    assert set(row) == {"file", "step_1", "step_2", "step_3"} and row["file"].endswith("sales.csv")
    tested = predict("sales")
    assert {"row", "target_1", "target_2", "target_3", "step_1"} < set(tested[0])
    lines = (finished.files / "sales.csv").read_text().splitlines()
    (tmp_path / "before.csv").write_text("\n".join(lines[:-3]))
    (last,) = predict("sales", tmp_path / "before.csv")
    assert close([last], without(tested[-1:], "target_1", "target_2", "target_3"))


def test_anomaly_scores_give_the_recorded_metrics(finished, predict, tmp_path: Path) -> None:
    rows = predict("anomalies")
    assert set(rows[0]) == {"row", "label", "score", "threshold", "anomaly"}
    scores, threshold = column(rows, "score"), float(rows[0]["threshold"])
    assert [row["anomaly"] == "true" for row in rows] == [score > threshold for score in scores]
    recorded = json.loads((finished("anomalies") / "results.json").read_text())["metrics"]
    anomalous = [row["label"] == "3" for row in rows]
    assert roc_auc_score(anomalous, scores) == pytest.approx(recorded["test/auroc"], abs=1e-6)
    above = [score > threshold for score, each in zip(scores, anomalous, strict=True) if each]
    assert sum(above) / len(above) == pytest.approx(recorded["test/recall"])
    assert threshold == pytest.approx(recorded["test/threshold"])
    split = data_of(finished("anomalies")).split("test")
    write_png(split.x[7] / 16, tmp_path / "digit.png")
    (row,) = predict("anomalies", tmp_path / "digit.png")
    assert float(row["score"]) == pytest.approx(float(rows[7]["score"]), rel=1e-4)


def test_a_denoising_autoencoder_predicts_without_noise(predict) -> None:
    rows = predict("denoised")
    assert set(rows[0]) == {"row", "label", "reconstruction_error"} and rows == predict("denoised")


def test_a_variational_autoencoder_predicts_its_reconstruction_error(finished, predict) -> None:
    rows = predict("variational")
    task, data = checkpoint.load(finished("variational")), data_of(finished("variational"))
    split = data.split("test")
    with torch.no_grad():
        drawn = task(data.prepare(split.x, split.y)[0])
    wanted = (drawn - split.x / 16).square().flatten(1).mean(dim=1)
    assert column(rows, "reconstruction_error") == pytest.approx(wanted.tolist(), rel=1e-4)
    # In the mean the bound of the test, up to the noise of one draw of each code.
    bound = -sum(column(rows, "negative_elbo")) / len(rows)
    assert bound == pytest.approx(
        json.loads((finished("variational") / "results.json").read_text())["metrics"]["test/elbo"], rel=0.02
    )


@pytest.mark.parametrize(
    ("run", "options", "code", "words"),
    [
        (
            "classification",
            ["inptu=FILES", "output=out.csv"],
            2,
            ["no option 'inptu'", "did you mean 'input'", "--help"],
        ),
        ("classification", ["photos", "others", "output=out.csv"], 2, ["3 directories were given", "takes one run"]),
        ("", ["output=out.csv"], 2, ["run was not given", "type run=PATH"]),
        ("classification", [], 2, ["output was not given", "type output=FILE.csv"]),
        ("classification", ["input=", "output=out.csv"], 2, ["input was not given", "type input=PATH"]),
        (
            "classification",
            ["output=out.png"],
            2,
            ["output is out.png", "ends in .csv, .jsonl, .parquet or .txt", "try output=out.csv"],
        ),
        ("classification", ["output=FILES"], 2, ["a folder", "ends in .csv", "predictions.csv"]),
        ("classification", ["output=none/out.csv"], 2, ["there is no folder none", "mkdir -p none"]),
        ("kind", ["input=FILES/table.csv", "output=FILES/table.csv"], 2, ["the same file", "predictions.csv"]),
        ("classification", ["input=nowhere.png", "output=out.csv"], 3, ["there is no nowhere.png", "try input=FOLDER"]),
        ("classification", ["input=EMPTY", "output=out.csv"], 3, ["contains no image", ".png"]),
        ("classification", ["input=EMPTY/*.png", "output=out.csv"], 3, ["no image matches the pattern"]),
        ("classification", ["input=FILES/table.csv", "output=out.csv"], 3, ["none of the 1 file(s)"]),
        ("kind", ["input=nowhere.csv", "output=out.csv"], 3, ["cannot be read: No such file", "try input=FILE"]),
        ("kind", ["input=FILES/photos", "output=out.csv"], 3, ["cannot be read: Is a directory", "a CSV file"]),
        ("kind", ["input=FILES/sales.csv", "output=out.csv"], 3, ["no column 'age', 'city'", "age, city", "month"]),
        ("kind", ["input=BAD", "output=out.csv"], 3, ["column 'age', line 3 of", "'old'", "a finite number"]),
        ("opinions", ["input=FILES/sales.csv", "output=out.csv"], 3, ["no column 'text'", "month, sold"]),
        ("opinions", ["input=FILES/opinions.csv", "column=words", "output=out.csv"], 3, ["'words'", "try column=text"]),
        ("kind", ["input=FILES/table.csv", "column=age", "output=out.csv"], 2, ["none of texts", "leave column out"]),
        ("opinions", ["input=nowhere.txt", "output=out.csv"], 3, ["cannot be read: No such file"]),
        ("sales", ["input=FILES/table.csv", "output=out.csv"], 3, ["no column 'sold'"]),
        (
            "adversarial",
            ["output=out.csv"],
            2,
            ["task=adversarial, which makes no predictions", "try netyard generate run="],
        ),
        ("nowhere", ["output=out.csv"], 4, ["nowhere is not a run directory"]),
        ("unfinished", ["output=out.csv"], 4, ["there is no checkpoint at", "best.ckpt"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_mistake_is_answered(finished, capsys, monkeypatch, tmp_path, run, options, code, words) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("age,city\n5,Rome\nold,Oslo\n")
    (tmp_path / "unfinished" / ".hydra").mkdir(parents=True)
    (tmp_path / "unfinished" / ".hydra" / "overrides.yaml").write_text("[]")
    places = {"FILES": finished.files, "EMPTY": tmp_path / "empty", "BAD": tmp_path / "bad.csv"}
    for name, place in places.items():
        options = [text.replace(f"={name}", f"={place}") for text in options]
    before = sorted(tmp_path.rglob("*"))
    assert main.main(["predict", f"run={finished(run) if run in RUNS else run}", *options]) == code
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ") and "Traceback" not in message
    for word in words:
        assert word in message
    assert sorted(tmp_path.rglob("*")) == before, "a mistake leaves nothing behind"


def test_evaluation_reads_another_table_by_the_columns_of_the_run(finished, capsys, tmp_path: Path) -> None:
    def evaluated(*options: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main.main(["evaluate", f"run={finished('kind')}", *options])
        said = capsys.readouterr()
        return code, said.out + said.err

    lines = (finished.files / "table.csv").read_text().splitlines()
    assert evaluated()[0] == 0
    (tmp_path / "some.csv").write_text("\n".join(line for line in lines if "down" not in line and "Oslo" not in line))
    code, said = evaluated(f"data.path={tmp_path / 'some.csv'}")
    assert code == 0, said
    code, said = evaluated(f"data.path={tmp_path / 'some.csv'}", "data.target=price")
    assert code == 3 and "the run was trained on down, up" in said
    (tmp_path / "less.csv").write_text("\n".join(line.partition(",")[2] for line in lines))
    code, said = evaluated(f"data.path={tmp_path / 'less.csv'}")
    assert code == 3 and "no column 'age'; the network was trained on age, city" in said
    (tmp_path / "other.csv").write_text("\n".join(lines).replace("down", "under"))
    code, said = evaluated(f"data.path={tmp_path / 'other.csv'}")
    assert code == 3 and "the class 'under'; the run was trained on down, up" in said


def test_a_resumed_run_refuses_a_changed_table(finished, train, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    shutil.copy(finished.files / "table.csv", table)
    ran = train(*(text.replace("FILES", str(tmp_path)) for text in RUNS["kind"]), path=tmp_path / "run")
    assert ran.code == 0, ran.err
    ran = train(f"resume={tmp_path / 'run'}", "trainer.max_epochs=2", path=tmp_path / "run")
    assert ran.code == 0, ran.err
    table.write_text(table.read_text().replace("Oslo", "Lund"))
    ran = train(f"resume={tmp_path / 'run'}", "trainer.max_epochs=3", path=tmp_path / "run")
    assert ran.code == 3 and "restore the old file" in ran.err
