"""``netyard evaluate`` on files of one's own: all of their samples are tested."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

import netyard
from netyard.cli import main
from netyard.config import instantiate
from netyard.inference import evaluate as testing
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.user_files import write_photos, write_sales


@pytest.fixture
def evaluate(finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Evaluate a finished run; returns the exit code, what was printed, and ``evaluation.json`` if there is one."""

    def run(name: str, *options: str) -> tuple[int, str, dict]:
        capsys.readouterr()
        code = main.main(["evaluate", f"run={finished(name)}", f"output={tmp_path / 'out'}", *options])
        said = capsys.readouterr()
        report = tmp_path / "out" / "evaluation.json"
        return code, said.out + said.err, json.loads(report.read_text()) if code == 0 else {}

    return run


def _rows(path: Path, lines: list[str], changes: dict[str, str] | None = None) -> Path:
    text = "\n".join(lines) + "\n"
    for old, new in (changes or {}).items():
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_all_rows_of_a_table_are_tested_by_the_columns_of_the_run(finished, evaluate, tmp_path: Path) -> None:
    """The accuracy is that of ``predict`` on the same rows, whose columns are in another order."""
    lines = (finished.files / "table.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[:31]]
    path = _rows(tmp_path / "test.csv", [",".join([row[2], row[0], row[1]]) for row in rows])  # without price
    code, said, report = evaluate("kind", f"data.path={path}")
    assert code == 0 and f"all 30 rows of {path} are tested" in said
    assert sum(map(sum, report["confusion"])) == 30
    predicted = [row["prediction"] for row in netyard.load(finished("kind")).predict(path)]
    true = [row["kind"] for row in csv.DictReader(path.read_text().splitlines())]
    right = sum(one == other for one, other in zip(predicted, true, strict=True))
    assert report["metrics"]["test/accuracy"] == pytest.approx(right / 30, abs=1e-6)
    code, said, report = evaluate("kind", f"data.test_path={path}")
    assert code == 0 and sum(map(sum, report["confusion"])) == 30


def test_a_row_is_prepared_alike_in_training_evaluate_and_predict(finished, tmp_path: Path) -> None:
    run = RunDir(finished("kind"))
    recorded, config, _ = checkpoint.read_of(run)
    trained = instantiate.build(config["data"])
    trained.setup()
    shutil.copy(finished.files / "table.csv", tmp_path / "copy.csv")
    cfg = OmegaConf.create(config)
    cfg.data.test_path = str(tmp_path / "copy.csv")
    _, _, evaluating = testing.evaluate(cfg, recorded, run, typed={"data.test_path"})
    predicting = checkpoint.build_data(recorded, config)
    predicted = torch.cat([batch.x for batch in predicting.inputs(str(tmp_path / "copy.csv")).batches])
    assert torch.equal(predicted, evaluating.split("test").x) and len(predicted) == 90
    rows = {tuple(row) for row in predicted.tolist()}
    assert all(tuple(row) in rows for part in ("train", "val", "test") for row in trained.split(part).x.tolist())


def test_one_row_and_one_class_are_enough(finished, evaluate, tmp_path: Path) -> None:
    lines = (finished.files / "table.csv").read_text().splitlines()
    up = next(line for line in lines if ",up," in line)
    code, said, report = evaluate("kind", f"data.path={_rows(tmp_path / 'one.csv', [lines[0], up])}")
    assert code == 0 and "the 1 row of" in said and "no rows of down" in said
    assert sum(map(sum, report["confusion"])) == 1


def test_the_file_of_training_has_its_test_part_tested_wherever_it_is(finished, evaluate, tmp_path: Path) -> None:
    path = shutil.copy(finished.files / "table.csv", tmp_path / "moved.csv")
    code, said, report = evaluate("kind", f"data.path={path}")
    assert code == 0 and "is what the run was trained on: only its test part is tested, 18 rows" in said
    assert f"data.test_path={path} tests all of it" in said and sum(map(sum, report["confusion"])) == 18
    assert report["metrics"] == evaluate("kind")[2]["metrics"]
    assert sum(map(sum, evaluate("kind", f"data.test_path={path}")[2]["confusion"])) == 90


def test_rows_without_a_target_are_told(finished, evaluate, tmp_path: Path) -> None:
    lines = (finished.files / "table.csv").read_text().splitlines()[:21]
    path = _rows(tmp_path / "gaps.csv", lines, {",up,": ",,"})
    code, said, _ = evaluate("kind", f"data.path={path}")
    assert code == 0 and "left out: " in said and "(the target 'kind' is empty)" in said


def test_all_images_are_tested(finished, evaluate, tmp_path: Path) -> None:
    for folder, number in (("plain", 7), ("parts/train", 3), ("parts/Test", 4), ("alone/test", 5), ("two/train", 2)):
        write_photos(tmp_path / folder, number)
    write_photos(tmp_path / "two/valid", 3)
    write_photos(tmp_path / "red", 3, ("red",))
    shutil.copytree(finished.files / "photos", tmp_path / "moved")
    for name, number, source in (
        ("plain", 14, "plain"),
        ("parts", 8, "parts/Test"),
        ("alone", 10, "alone/test"),
        ("two", 10, f"two/train and {tmp_path / 'two' / 'valid'}"),
        ("red", 3, "red"),
    ):
        code, said, report = evaluate("photos", f"data.root={tmp_path / name}")
        assert code == 0 and f"all {number} images of {tmp_path / source} are tested" in said, said
        assert sum(map(sum, report["confusion"])) == number
    code, said, report = evaluate("photos", f"data.root={tmp_path / 'moved'}")
    assert code == 0 and "only its test part is tested, 4 images" in said


def test_texts_series_and_codes_are_tested_whole(finished, evaluate, tmp_path: Path) -> None:
    lines = (finished.files / "opinions.csv").read_text().splitlines()[:12]
    assert f"all 11 texts of {tmp_path}" in evaluate("opinions", f"data.path={_rows(tmp_path / 'o.csv', lines)}")[1]
    write_sales(tmp_path / "sales.csv", 40)
    assert "all 26 windows of" in evaluate("sales", f"data.path={tmp_path / 'sales.csv'}")[1]
    (tmp_path / "song.txt").write_text("row, row\n" * 9)
    assert "all 81 tokens of" in evaluate("song", f"data.path={tmp_path / 'song.txt'}")[1]
    # Classifiers of codes are fitted on the training images of the run, not on what is tested.
    write_photos(tmp_path / "other", 6)
    code, said, report = evaluate("coded_photos", f"data.root={tmp_path / 'other'}")
    assert code == 0 and "all 12 images" in said and any("accuracy" in name for name in report["metrics"])
    write_photos(tmp_path / "green", 6, ("blue", "green"))
    code, said, report = evaluate("coded_photos", f"data.root={tmp_path / 'green'}")
    assert code == 0 and not any("accuracy" in name for name in report["metrics"])
