"""Scores of several labels: those of scikit-learn, and what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import Tensor

from netyard.metrics import label_scores
from netyard.metrics.label_scores import LabelCounts


def samples(num_labels: int = 4, count: int = 60) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(num_labels)
    truth = torch.rand(count, num_labels, generator=generator) < torch.linspace(0.1, 0.6, num_labels)
    probabilities = (0.5 * torch.rand(count, num_labels, generator=generator) + 0.4 * truth).mul(
        20
    ).round() / 20  # ties
    return probabilities, truth


@pytest.mark.parametrize("num_labels", [1, 4])
def test_every_score_is_that_of_scikit_learn(num_labels: int) -> None:
    probabilities, truth = samples(num_labels)
    thresholds = torch.linspace(0.3, 0.6, num_labels)
    found = label_scores.scores(label_scores.NAMES, probabilities, truth, thresholds)
    y, p = truth.numpy().astype(int), probabilities.numpy()
    decided = (probabilities >= thresholds).numpy().astype(int)
    each = range(num_labels)
    expected = {
        "f1": np.mean([metrics.f1_score(y[:, k], decided[:, k]) for k in each]),
        "f1_micro": metrics.f1_score(y.ravel(), decided.ravel()),
        "average_precision": np.mean([metrics.average_precision_score(y[:, k], p[:, k]) for k in each]),
        "auroc": np.mean([metrics.roc_auc_score(y[:, k], p[:, k]) for k in each]),
        "hamming_accuracy": 1 - metrics.hamming_loss(y, decided),
        "subset_accuracy": np.mean((y == decided).all(axis=1)),
        "balanced_accuracy": np.mean([metrics.balanced_accuracy_score(y[:, k], decided[:, k]) for k in each]),
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, rel=1e-6)


def test_undefined_labels_are_left_out_of_means_and_undefined_scores_are_none() -> None:
    probabilities, truth = samples()
    whole = label_scores.scores(label_scores.NAMES, probabilities[:, 1:], truth[:, 1:], torch.full((3,), 0.5))
    probabilities[:, 0], truth[:, 0] = 0.1, False
    found = label_scores.scores(label_scores.NAMES, probabilities, truth, torch.full((4,), 0.5))
    for name in ("f1", "average_precision", "auroc"):
        assert torch.equal(found[name], whole[name]), name
    nothing = label_scores.scores(label_scores.NAMES, torch.full((5, 2), 0.1), torch.zeros(5, 2) > 0, torch.ones(2) / 2)
    assert set(nothing) == {"hamming_accuracy", "subset_accuracy"}
    assert nothing["subset_accuracy"] == 1.0


def test_counts_add_up_and_rates_without_samples_are_nan() -> None:
    decisions = torch.tensor([[True, False], [True, False], [False, False]])
    truth = torch.tensor([[True, False], [False, False], [True, False]])
    counts = LabelCounts.of(decisions, truth)
    assert [each.tolist() for each in counts] == [[1, 0], [1, 0], [1, 0], [0, 3]]
    for score in (label_scores.precision, label_scores.recall, label_scores.f1):
        assert score(counts)[0] == 0.5 and score(counts)[1].isnan()


def test_the_threshold_of_each_label_is_the_nearest_to_one_half_that_is_as_good_as_the_best() -> None:
    probabilities = torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.3, 0.1], [0.05, 0.2]])
    truth = torch.tensor([[False, True], [True, True], [True, False], [False, False]])
    found = label_scores.best_thresholds("f1", probabilities, truth)
    torch.testing.assert_close(found, torch.tensor([0.15, 0.5]))  # no error at the best of either
    # Without an error there is no doubt; one error more or less in 20 is chance.
    true = torch.arange(40) < 20
    p = torch.where(true, 0.9, 0.1)
    p[0], p[20] = 0.4, 0.35
    assert label_scores.best_thresholds("f1", p[:, None], true[:, None]).item() == pytest.approx(0.375)
    p[20] = 0.45
    assert label_scores.best_thresholds("f1", p[:, None], true[:, None]).item() == 0.5
    # All samples or none have the label: nothing can be chosen.
    assert label_scores.best_thresholds("f1", probabilities, torch.tensor([[True, False]] * 4)).tolist() == [0.5, 0.5]
