"""Anomaly detection: learned from normal samples alone, the same after a resume and on two devices."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import netyard
from netyard.metrics.false_alarms import conformal_threshold
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.finished_runs import FinishedRuns
from support.user_files import write_sales

FAST = ("model=autoencoder_tiny", "task=anomaly", "trainer=cpu", "trainer.max_epochs=2", "logger=none")


def table(path: Path, labels: bool = True) -> Path:
    """200 normal rows near a plane, and 20 far from it, the half of which is of another class."""
    rng = np.random.default_rng(0)
    kinds = ["ok"] * 200 + ["bent"] * 10 + ["broken"] * 10
    rows = rng.normal(size=(220, 2))
    third = rows.sum(axis=1) + 0.1 * rng.normal(size=220) + 4.0 * (np.arange(220) >= 200)
    lines = [f"{a:.4f},{b:.4f},{c:.4f}" + f",{k}" * labels for (a, b), c, k in zip(rows, third, kinds, strict=True)]
    path.write_text("\n".join(["a,b,c" + ",state" * labels, *lines]) + "\n", encoding="utf-8")
    return path


def parts(root: Path) -> Path:
    """Images of good parts for training, and of good, broken and scratched ones for testing, with masks of these."""
    rng = np.random.default_rng(0)
    for place, count in (("train/good", 40), ("test/good", 8), ("test/broken", 6), ("test/scratched", 4)):
        (root / place).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(90, 110, (12, 12), dtype=np.uint8)
            pixels[4:8] += np.uint8(0 if place.endswith("good") else 120)
            Image.fromarray(pixels).save(root / place / f"{number:03}.png")
    (root / "ground_truth" / "broken").mkdir(parents=True)
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(root / "ground_truth" / "broken" / "000_mask.png")
    return root


def metrics(ran: Any) -> dict[str, float]:
    assert ran.code == 0, ran.err
    return ran.json("results.json")["metrics"]


def test_a_table_is_learned_from_its_normal_rows(train, tmp_path: Path) -> None:
    words = ("data=csv", f"data.path={table(tmp_path / 'parts.csv')}", "data.target=state", "data.val_fraction=0.3")
    ran = train(*FAST, *words, "task.normal=ok", "task.false_alarms=0.1", "trainer.max_epochs=10")
    found = metrics(ran)
    assert found["test/auroc"] > 0.95 and found["test/recall"] > 0.7 and found["test/false_alarms"] <= 0.3
    assert "a share of false alarms" not in ran.err
    # The threshold of the best epoch is that of its weights.
    task: Any = checkpoint.load(ran.path)
    data = checkpoint.build_data(*checkpoint.read_of(RunDir(ran.path), "best")[:2])
    data.setup()
    split = data.split("val")
    x, _ = data.prepare(split.x, split.y)
    normal = split.y == data.class_names.index("ok")
    with torch.inference_mode():
        scores = task.score(x[normal])
    assert conformal_threshold(scores, 0.1)[0] == pytest.approx(float(task.threshold), rel=1e-4)


def test_a_table_without_labels_has_statistics_of_scores_alone(train, tmp_path: Path) -> None:
    path = table(tmp_path / "rows.csv", labels=False)
    ran = train(*FAST, "data=csv", f"data.path={path}", "data.target=null")
    found = metrics(ran)
    assert 0 <= found["test/alarms"] <= 1 and not {"test/auroc", "test/recall", "test/false_alarms"} & set(found)
    assert "needs 99" in ran.err and "try task.false_alarms=" in ran.err


def test_images_of_good_parts_are_trained_on_and_those_of_others_are_tested(train, tmp_path: Path) -> None:
    root = parts(tmp_path / "bottle")
    words = ("data=image_folder", f"data.root={root}", "data.image_size=12", "data.crop_ratio=1", "data.num_workers=0")
    ran = train(
        *FAST, *words, "task.normal=good", "task.false_alarms=0.2", "data.val_fraction=0.25", "logger=tensorboard"
    )
    assert metrics(ran)["test/auroc"] == 1 and metrics(ran)["test/recall"] == 1
    rows = list(csv.reader((ran.path / "texts" / "test_alarms.csv").read_text(encoding="utf-8").splitlines()))
    assert [row[:3] for row in rows[1:]] == [
        ["good", "normal", "8"],
        ["broken", "anomalous", "6"],
        ["scratched", "anomalous", "4"],
    ]
    summary = ran.json("results.json")["data_summary"]
    assert summary["classes"] == {"good": 30} and "1 class in training: good 30" in (ran.path / "train.log").read_text()
    assert {name: part["samples"] for name, part in summary["parts"].items()} == {"train": 30, "val": 10, "test": 18}
    assert summary["left_out"][0][0] == f"image in {root / 'ground_truth'}".replace("image", "1 image", 1)
    run = netyard.load(ran.path)
    assert [row["anomaly"] for row in run.predict(root / "test" / "broken")] == ["true"] * 6
    # Anomalies of another kind are tested, too.
    (root / "test" / "scratched").rename(root / "test" / "melted")
    shutil.rmtree(root / "test" / "broken")
    (root / "test").rename(tmp_path / "later")
    assert run.evaluate(f"data.root={tmp_path / 'later'}")["test/auroc"] == 1


def test_windows_of_a_series_are_scored(train, tmp_path: Path) -> None:
    write_sales(tmp_path / "sales.csv")
    series = (
        "data=series",
        f"data.path={tmp_path / 'sales.csv'}",
        "data.column=sold",
        "data.window=12",
        "data.horizon=1",
    )
    ran = train(*FAST, *series, "task.false_alarms=0.1")
    found = metrics(ran)
    assert found["test/loss"] < 10, "the windows are standardised"
    assert found["test/score_max"] >= found["test/score_mean"] > 0
    run = netyard.load(ran.path)
    rows, tested = run.predict(tmp_path / "sales.csv"), run.predict()
    assert [row["last_step"] for row in rows] == list(range(11, 120)), "each window of the file"
    # The last tested window ends a step before the file, because a step to forecast is after it.
    assert rows[-2]["score"] == pytest.approx(tested[-1]["score"], rel=1e-5)
    x = run.datamodule.example_inputs(3)
    with torch.no_grad():
        code, (_, reconstruction) = run.task.codes_of(x), run.task.export_signature()(x)
    decoded = run.generate(latent=code)
    assert decoded.columns == [f"sold_{step}" for step in range(1, 13)], "in the unit of the series"
    assert [[*row.values()] for row in decoded] == [pytest.approx(each.flatten().tolist()) for each in reconstruction]


def test_a_resumed_run_is_the_same_to_the_bit(train, tmp_path: Path) -> None:
    words = (*FAST, "task.normal=[0,1]", "task.noise=masking")
    whole = metrics(train(*words, path=tmp_path / "whole"))
    train(*words, "trainer.max_epochs=1", path=tmp_path / "parts")
    ran = train(f"resume={tmp_path / 'parts'}", "trainer.max_epochs=2", path=tmp_path / "parts")
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "parts" / "results.json").read_text())["metrics"] == whole


def test_a_finished_run_has_its_figure_and_its_table(finished: FinishedRuns) -> None:
    run = finished("anomalies")
    assert (run / "pictures" / "test_scores.png").read_bytes()[1:4] == b"PNG"
    rows = list(csv.DictReader((run / "texts" / "test_alarms.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["class"] for row in rows] == [str(digit) for digit in range(10)]
    assert [row["class"] for row in rows if row["kind"] == "anomalous"] == ["3"]
    recorded = json.loads((run / "results.json").read_text(encoding="utf-8"))["metrics"]
    assert float(rows[3]["share"]) == pytest.approx(recorded["test/recall"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task.normal=[10]"], "task.normal is 10, which is no class of the data"),
        ([], "task.normal names no class"),
        (
            ["task.normal=[0]", "data.val_fraction=0"],
            "its threshold is chosen on normal samples of",
        ),
        (["task.normal=[0]", "augmentation=mixup"], "the augmentation mixes samples"),
        (["task.normal=[0]", "task.false_alarms=1"], "task.false_alarms is 1; it must be a number above 0 and below 1"),
        (["task.normal=[0]", "loss=cross_entropy"], "try loss=mse"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_learned_is_refused(train, words: list[str], said: str) -> None:
    ran = train(*FAST, *words)
    assert ran.code == 2 and said in ran.err and "Traceback" not in ran.err, ran.err
