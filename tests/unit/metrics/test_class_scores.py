"""Scores that a rare class counts in are those of scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score
from torch.nn.functional import one_hot

from netyard.metrics.class_scores import NAMES, best_threshold, scores


def confusion_of(labels: torch.Tensor, predictions: torch.Tensor, classes: int) -> torch.Tensor:
    return torch.bincount(labels * classes + predictions, minlength=classes**2).view(classes, classes)


def drawn(classes: int, count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(count, classes, generator=generator)
    labels = torch.multinomial(torch.linspace(1, 9, classes), count, replacement=True, generator=generator)
    return (logits + one_hot(labels, classes)).softmax(dim=1).mul(20).round().div(20), labels  # with ties


@pytest.mark.parametrize("classes", [2, 5])
def test_scores_are_those_of_scikit_learn(classes: int) -> None:
    probabilities, labels = drawn(classes)
    predictions = probabilities.argmax(dim=1)
    found = scores(NAMES, confusion_of(labels, predictions, classes), probabilities, labels)
    truth, average = (labels, "binary") if classes == 2 else (one_hot(labels), "macro")
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predictions), abs=1e-6)
    assert found["f1"] == pytest.approx(f1_score(labels, predictions, average=average), abs=1e-6)
    assert found["auroc"] == pytest.approx(roc_auc_score(one_hot(labels), probabilities, average="macro"), abs=1e-6)
    positive = probabilities[:, 1] if classes == 2 else probabilities
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, positive), abs=1e-6)


def test_a_class_without_samples_is_left_out() -> None:
    probabilities, labels = drawn(4)
    probabilities, labels = probabilities[labels != 2], labels[labels != 2]
    predictions = probabilities.argmax(dim=1)
    found = scores(NAMES, confusion_of(labels, predictions, 4), probabilities, labels)
    rest = [0, 1, 3]
    area = roc_auc_score(one_hot(labels)[:, rest].numpy(), probabilities[:, rest].numpy())
    assert found["auroc"] == pytest.approx(area, abs=1e-6)
    assert found["f1"] == pytest.approx(f1_score(labels, predictions, average="macro"), abs=1e-6)
    recall = [float((predictions[labels == label] == label).float().mean()) for label in rest]
    assert found["balanced_accuracy"] == pytest.approx(sum(recall) / 3, abs=1e-6)


def test_areas_are_undefined_for_a_single_class() -> None:
    labels = torch.zeros(5, dtype=torch.long)
    assert {*scores(NAMES, confusion_of(labels, labels, 2), torch.rand(5, 2), labels)} == {"balanced_accuracy", "f1"}


@pytest.mark.parametrize(("score", "sklearn_score"), [("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score)])
def test_no_other_threshold_is_better(score, sklearn_score) -> None:
    probabilities, labels = drawn(2)
    positive = probabilities[:, 1]
    threshold = best_threshold(score, positive, labels)
    qualities = {
        value: sklearn_score(labels, positive >= value) for value in (number / 20 - 0.025 for number in range(22))
    }
    assert sklearn_score(labels, positive >= threshold) == pytest.approx(max(qualities.values()))


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_chosen() -> None:
    positive = torch.tensor([0.1, 0.2, 0.9, 0.95])
    assert best_threshold("f1", positive, torch.tensor([0, 0, 1, 1])) == pytest.approx(0.55)
