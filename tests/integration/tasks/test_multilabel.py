"""Multilabel classification: its scores, its thresholds, and what becomes of a run."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import Tensor, nn
from torch.nn import functional as F

import netyard
from netyard.cli import main
from netyard.errors import DataError
from netyard.losses.binary import BinaryCrossEntropy
from netyard.metrics.label_scores import NAMES
from netyard.training import checkpoint
from support.classification_task import Batches, joined
from support.exports import check_onnx, export, metadata
from support.multilabel_task import samples, task_of
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*shuffle")


class Split:
    def __init__(self, y: Tensor) -> None:
        self.y = y


class LabelledBatches(Batches):
    class_names = ("a/b", "c", "d")

    def split(self, name: str) -> Split:
        return Split(joined(self.batches)[1])


def test_the_loss_falls_on_a_handful_of_fixed_samples() -> None:
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    task, trainer, data = task_of(net, lr=2.0), trainer_of(80), Batches(samples((8,)))
    x, y = data.batches[0]
    before = F.binary_cross_entropy_with_logits(net(x), y.float()).item()
    trainer.fit(task, data)
    assert F.binary_cross_entropy_with_logits(net(x), y.float()).item() < 0.2 * before


@pytest.mark.parametrize("sizes", [(30,), (20, 1, 9)])
def test_scores_are_those_of_all_samples_whatever_the_batches(sizes: tuple[int, ...]) -> None:
    net = nn.Linear(4, 3)
    task = task_of(net, threshold=[0.4, 0.5, 0.6], validation_scores=NAMES)
    trainer, data = trainer_of(), LabelledBatches(samples(sizes))
    x, y = joined(data.batches)
    with torch.no_grad():
        logits = net(x)
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    p = logits.sigmoid().numpy()
    decided = p >= np.array([0.4, 0.5, 0.6], dtype=np.float32)
    f1 = [metrics.f1_score(y[:, k], decided[:, k]) for k in range(3)]
    expected = {
        "loss": F.binary_cross_entropy_with_logits(logits, y.float()).item(),
        "f1": np.mean(f1),
        "average_precision": np.mean([metrics.average_precision_score(y[:, k], p[:, k]) for k in range(3)]),
        "auroc": np.mean([metrics.roc_auc_score(y[:, k], p[:, k]) for k in range(3)]),
        "subset_accuracy": np.mean((decided == (y.numpy() > 0)).all(axis=1)),
    }
    for stage in ("val", "test"):
        for name, value in expected.items():
            assert got[f"{stage}/{name}"].item() == pytest.approx(value, rel=1e-5), (stage, name)
    # A slash separates the stage from the name of a metric.
    assert [got[f"test/f1_{name}"].item() for name in ("a_b", "c", "d")] == pytest.approx(f1)
    assert [row["support"] for row in task.label_table] == y.sum(0).tolist()
    assert [row["f1"] for row in task.label_table] == pytest.approx(f1)


def test_the_threshold_of_each_label_is_chosen_on_validation_and_saved() -> None:
    net = nn.Linear(4, 3)
    torch.nn.init.constant_(net.bias, -2.0)
    task, trainer, data = task_of(net), trainer_of(), Batches(samples((40,)))
    trainer.fit(task, data)
    assert (task.threshold < 0.4).all()
    x, y = data.batches[0]
    with torch.no_grad():
        p = task.net(x).sigmoid()
    for label in range(3):
        scores = [metrics.f1_score(y[:, label], p[:, label] >= t) for t in (0.0, *p[:, label].tolist())]
        chosen = metrics.f1_score(y[:, label], p[:, label] >= task.threshold[label])
        error = (max(scores) * (1 - max(scores)) / int(y[:, label].sum())) ** 0.5
        assert max(scores) - error - 1e-6 <= chosen <= max(scores)
    other = task_of(nn.Linear(4, 3))
    other.load_state_dict(task.state_dict())
    assert torch.equal(other.threshold, task.threshold)
    # A number that is given for a test is used.
    given = task_of(nn.Linear(4, 3), threshold=0.3)
    given.load_state_dict(task.state_dict())
    assert given.threshold.tolist() == pytest.approx([0.3] * 3)
    columns = other.prediction_columns(x[:2], ["a", "b", "c"])
    set_ = p[:2] >= task.threshold
    assert columns["prediction"] == ["|".join(n for n, s in zip("abc", row, strict=True) if s) for row in set_]
    assert columns["probability_b"] == pytest.approx(p[:2, 1].tolist())


def test_balanced_weights_count_the_training_samples() -> None:
    loss = BinaryCrossEntropy("balanced")
    task, data = task_of(nn.Linear(4, 3), loss=loss), LabelledBatches(samples((50,)))
    trainer_of().fit(task, data)
    counts = joined(data.batches)[1].sum(0)
    torch.testing.assert_close(loss.weight, (50 - counts) / counts)


@pytest.mark.parametrize("monitor", ["val/subset_accuracy", "val/f1_c", "val/auroc"])
def test_any_score_can_be_watched(monitor: str) -> None:
    task, trainer = task_of(nn.Linear(4, 3), monitor=monitor), trainer_of()
    trainer.fit(task, LabelledBatches(samples((30,))))
    assert monitor in trainer.callback_metrics


def test_an_undefined_score_is_not_logged_and_refused_where_it_is_watched() -> None:
    batches = [(torch.randn(6, 4), torch.zeros(6, 3, dtype=torch.uint8))]
    trainer = trainer_of()
    trainer.fit(task_of(nn.Linear(4, 3), monitor="val/loss", mode="min"), Batches(batches))
    assert (
        "val/average_precision" not in trainer.callback_metrics and "val/hamming_accuracy" in trainer.callback_metrics
    )
    with pytest.raises(DataError, match=r"val/average_precision is undefined: .*; try .*task\.monitor=val/loss"):
        trainer_of().fit(task_of(nn.Linear(4, 3)), Batches(batches))


def test_a_network_that_sets_no_label_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    net = nn.Linear(4, 3)
    torch.nn.init.constant_(net.bias, -50.0)
    with caplog.at_level(logging.WARNING):
        trainer_of().test(task_of(net, threshold=0.5), LabelledBatches(samples((30,))), verbose=False)
    assert "the network sets no label for any test sample; try loss.class_weights=balanced" in caplog.text
    caplog.clear()
    torch.nn.init.constant_(net.bias[:2], 50.0)
    with caplog.at_level(logging.WARNING):
        trainer_of().test(task_of(net, threshold=0.5), LabelledBatches(samples((30,))), verbose=False)
    assert "the network sets 'd' for no test sample, which some have" in caplog.text


# A finished run on photographs and a list of their labels


def test_a_run_leaves_a_table_and_curves_of_its_labels(finished) -> None:
    path = finished("tags")
    with (path / "texts" / "test_labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["blue", "even", "red"]
    assert (path / "pictures" / "test_precision_recall.png").is_file()
    results = json.loads((path / "results.json").read_text(encoding="utf-8"))
    assert {f"test/{name}" for name in ("f1", "f1_micro", "average_precision", "f1_red")} <= set(results["metrics"])
    assert set(results["data_summary"]["labels"]) == {"blue", "even", "red"}


def test_predictions_have_the_labels_that_are_set_and_a_probability_of_each(finished, tmp_path: Path) -> None:
    run = netyard.load(finished("tags"))
    listed = finished.files / "tags.csv"
    rows = [run.predict(given) for given in (finished.files / "photos", listed)]
    assert len(rows[0]) == len(rows[1]) == 20
    threshold = dict(zip(("blue", "even", "red"), run.task.threshold.tolist(), strict=True))
    for row in rows[1]:
        expected = [name for name, value in threshold.items() if row[f"probability_{name}"] >= value]
        assert row["prediction"] == "|".join(expected)
    assert "labels" in run.predict()[0]
    missing = tmp_path / "list.csv"
    missing.write_text(f"file\n{finished.files / 'photos' / 'red' / '0.png'}\nnowhere.png\n", encoding="utf-8")
    assert len(run.predict(missing)) == 1


def test_an_export_has_names_and_thresholds(finished, tmp_path: Path) -> None:
    check_onnx(finished("tags"), tmp_path)
    _, file = export(finished("tags"), tmp_path, "format=onnx")
    found = metadata(file)
    assert found["class_names"] == ["blue", "even", "red"]
    task = checkpoint.load(finished("tags"))
    assert found["thresholds"] == pytest.approx(task.threshold.tolist(), abs=1e-6)


def test_evaluate_prints_a_table_of_the_labels(finished, capsys: pytest.CaptureFixture[str]) -> None:
    path = finished("tags")
    assert main.main(["evaluate", f"run={path}"]) == 0
    printed = capsys.readouterr().out
    results: dict[str, Any] = json.loads((path / "results.json").read_text(encoding="utf-8"))
    assert "| label" in printed and "| threshold |" in printed
    line = next(line for line in printed.splitlines() if "test/f1_micro" in line)
    assert float(line.split("│")[2]) == pytest.approx(results["metrics"]["test/f1_micro"], abs=1e-4)
