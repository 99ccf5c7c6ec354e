"""The report of an evaluation: its numbers compared with other libraries, and its files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support
from torchmetrics.functional.classification import multiclass_calibration_error

from netyard.cli import main
from netyard.inference import assessment
from netyard.metrics.calibration import BINS, Calibration
from netyard.metrics.intervals import wilson


def kept_of(classes: int, samples: int, seed: int = 0) -> tuple[SimpleNamespace, torch.Tensor, torch.Tensor]:
    """A task with the test results of random predictions, and their probabilities and labels."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (samples,), generator=draw)
    logits = torch.randn(samples, classes, generator=draw) + 2 * torch.nn.functional.one_hot(y, classes)
    probabilities = logits.softmax(dim=1)
    calibration = Calibration()
    for part in range(0, samples, 64):
        calibration.add(probabilities[part : part + 64], y[part : part + 64])
    confusion = torch.zeros(classes, classes, dtype=torch.int64)
    for true, guess in zip(y, probabilities.argmax(dim=1), strict=True):
        confusion[true, guess] += 1
    return SimpleNamespace(confusion=confusion, calibration=calibration), probabilities, y


def test_class_scores_agree_with_sklearn() -> None:
    task, probabilities, y = kept_of(5, 400)
    told = assessment.assess(task, SimpleNamespace(), {})
    precision, recall, f1, support = precision_recall_fscore_support(y, probabilities.argmax(dim=1))
    assert [each["precision"] for each in told["classes"]] == pytest.approx(list(precision))
    assert [each["recall"] for each in told["classes"]] == pytest.approx(list(recall))
    assert [each["f1"] for each in told["classes"]] == pytest.approx(list(f1))
    assert [each["support"] for each in told["classes"]] == list(support)


def test_an_undefined_score_is_none() -> None:
    task = SimpleNamespace(confusion=torch.tensor([[3, 0, 0], [2, 0, 0], [0, 0, 0]]))
    told = assessment.assess(task, SimpleNamespace(), {"test/accuracy": 0.6})
    assert [each["precision"] for each in told["classes"]] == [0.6, None, None]
    assert [each["recall"] for each in told["classes"]] == [1.0, 0.0, None]
    assert [each["f1"] for each in told["classes"]] == [0.75, 0.0, None]
    assert re.search(r"\| 2 +\| - +\| - +\| - +\| 0 ", assessment.text(told))


@pytest.mark.parametrize("classes", [2, 5, 100])
def test_the_calibration_error_agrees_with_torchmetrics(classes: int) -> None:
    task, probabilities, y = kept_of(classes, 1000)
    expected = multiclass_calibration_error(probabilities, y, classes, n_bins=BINS)
    assert float(task.calibration.error()) == pytest.approx(float(expected), abs=1e-6)
    told = assessment.assess(task, SimpleNamespace(), {})["calibration"]
    assert sum(each["count"] for each in told["bins"]) == 1000
    assert told["confidence"] == pytest.approx(float(probabilities.amax(dim=1).mean()), abs=1e-6)


def test_a_confidence_of_1_is_in_the_last_bin() -> None:
    calibration = Calibration()
    calibration.add(torch.eye(3), torch.tensor([0, 1, 0]))
    assert calibration.sums[:, -1].tolist() == [3, 3, 2]


def test_the_calibration_error_of_a_diverged_network_is_nan(tmp_path: Path) -> None:
    task, *_ = kept_of(3, 50)
    task.calibration.add(torch.full((2, 3), torch.nan), torch.tensor([0, 1]))
    assert torch.isnan(task.calibration.error())
    told = assessment.assess(task, SimpleNamespace(), {"test/accuracy": 0.5})
    assert "calibration error nan" in assessment.text(told)
    files = assessment.write(told, task, SimpleNamespace(), tmp_path)
    assert json.loads(files[0].read_text())["calibration"]["error"] is None


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_agrees_with_published_values(hits: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, table I, method 3."""
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_with_many_classes_the_most_confused_pairs_are_printed() -> None:
    task, *_ = kept_of(30, 3000)
    said = assessment.text(assessment.assess(task, SimpleNamespace(), {"test/accuracy": 0.5}))
    assert "true \\ predicted" not in said and "confused most" in said
    counts = task.confusion.clone().fill_diagonal_(0)
    row = said[said.index("confused most") :].splitlines()[3]
    assert [cell.strip() for cell in row.strip("|").split("|")][2] == str(int(counts.max()))


def test_a_regression_has_errors_intervals_and_r2() -> None:
    draw = torch.Generator().manual_seed(1)
    true = torch.randn(500, 2, generator=draw)
    error = torch.randn(500, 2, generator=draw) * torch.tensor([0.5, 0.1]) + torch.tensor([0.0, 0.3])
    told = assessment.assess(SimpleNamespace(true=true, predicted=true + error), SimpleNamespace(), {})
    first, second = told["errors"]
    assert first["r2"] == pytest.approx(0.75, abs=0.05)
    assert second["mean error"] == pytest.approx(0.3, abs=0.02)
    low, high = told["intervals"]["test/mae"]["interval"]
    assert low < float(error.abs().mean()) < high < low + 0.1
    assert "| target | mean error" in assessment.text(told)


def test_overlapping_windows_widen_the_interval() -> None:
    """A slow wave: errors of neighbouring windows are nearly equal."""
    error = torch.sin(torch.arange(400.0) / 40)[:, None].expand(400, 8)
    true = torch.randn(400, 8, generator=torch.Generator().manual_seed(2))

    def width(**horizon: int) -> float:
        task = SimpleNamespace(true=true, predicted=true + error, **horizon)
        low, high = assessment.assess(task, SimpleNamespace(), {})["intervals"]["test/mae"]["interval"]
        return high - low

    assert width(horizon=8) > 2 * width()


@pytest.fixture
def said(train, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Train, evaluate into a folder, and return what was printed, the folder and the recorded metrics."""

    def run(*overrides: str) -> tuple[str, Path, dict[str, float]]:
        ran = train(*overrides, "model=mlp_tiny", "trainer.max_epochs=1", "logger=none")
        assert ran.code == 0, ran.err
        assert main.main(["evaluate", f"run={ran.path}", f"output={tmp_path / 'told'}"]) == 0
        return capsys.readouterr().out, tmp_path / "told", ran.json("results.json")["metrics"]

    return run
