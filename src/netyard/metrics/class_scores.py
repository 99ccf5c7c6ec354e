"""Scores of a classifier that a rare class counts in: balanced accuracy, F1, and areas under ROC and precision-recall.

The values are those of scikit-learn. With two classes F1 and average precision are of the second class, the positive
one; with more, each class against the rest, averaged over the classes that have samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_average_precision,
    multilabel_auroc,
    multilabel_average_precision,
)

ClassScore: TypeAlias = Literal["balanced_accuracy", "f1", "auroc", "average_precision"]
NAMES: tuple[ClassScore, ...] = get_args(ClassScore)
DecisionScore: TypeAlias = Literal["balanced_accuracy", "f1"]
"""Scores of decisions; the others are of probabilities, whatever the threshold."""
RANKING: frozenset[ClassScore] = frozenset(("auroc", "average_precision"))
"""Scores that need the probabilities of all samples at once."""


def balanced_accuracy(confusion: Tensor) -> Tensor:
    """The mean over classes with samples of their recall. ``confusion``: (..., C, C), rows true, columns predicted."""
    count, right = confusion.sum(dim=-1).double(), confusion.diagonal(dim1=-2, dim2=-1).double()
    present = count > 0
    return (right / count.clamp(min=1)).sum(dim=-1) / present.sum(dim=-1)


def f1(confusion: Tensor) -> Tensor:
    """The harmonic mean of precision and recall, 0 where both are 0. ``confusion``: (..., C, C)."""
    right = confusion.diagonal(dim1=-2, dim2=-1).double()
    # 2 TP / (2 TP + FP + FN): a row is TP + FN, a column TP + FP.
    sizes = (confusion.sum(dim=-1) + confusion.sum(dim=-2)).double()
    scores = 2 * right / sizes.clamp(min=1)
    if confusion.shape[-1] == 2:
        return scores[..., 1]
    # scikit-learn averages over the classes that are true or predicted somewhere.
    return scores.sum(dim=-1) / (sizes > 0).sum(dim=-1)


def scores(
    names: Sequence[ClassScore], confusion: Tensor, probabilities: Tensor | None = None, labels: Tensor | None = None
) -> dict[str, Tensor]:
    """The scores that are defined: areas need probabilities (N, C), labels (N,), and samples of two classes at least.

    Returns:
        float32 scalars by name.
    """
    found: dict[str, Tensor] = {}
    for name in names:
        if name == "balanced_accuracy":
            found[name] = balanced_accuracy(confusion).float()
        elif name == "f1":
            found[name] = f1(confusion).float()
        elif probabilities is not None and labels is not None:
            value = _area(name, probabilities, labels)
            if value is not None:
                found[name] = value
    return found


def _area(name: ClassScore, probabilities: Tensor, labels: Tensor) -> Tensor | None:
    num_classes = probabilities.shape[1]
    present = labels.bincount(minlength=num_classes) > 0
    if present.sum() < 2:
        return None
    if name == "average_precision" and num_classes == 2:
        return binary_average_precision(probabilities[:, 1], labels)
    # Each class against the rest; one without a sample has no area.
    classes = present.nonzero().flatten()
    score = multilabel_auroc if name == "auroc" else multilabel_average_precision
    truth = (labels[:, None] == classes).long()  # (N, K)
    return score(probabilities[:, classes], truth, num_labels=len(classes), average="macro")


def best_threshold(score: DecisionScore, positive: Tensor, labels: Tensor, standard_errors: float = 0.0) -> float:
    """The probability from which a sample is of the second class, where the score of the decisions is largest.

    Between two neighbouring probabilities all thresholds decide alike; returned is their middle, of several equally
    good ones the one nearest to 0.5.

    Args:
        score: what is to be large.
        positive: (N,), the probability of the second of two classes.
        labels: (N,), 0 or 1.
        standard_errors: scores that are lower than the largest by so many standard errors count as equally good, and
            0.5 itself is chosen if it is one of these. With few samples the largest is large by chance.
    """
    values, order = positive.double().sort(descending=True)
    truth = labels[order].double()
    # Of the k samples with the largest probabilities, k = 0 .. N: how many are positive.
    true_positive = torch.cat([truth.new_zeros(1), truth.cumsum(0)])
    predicted = torch.arange(len(values) + 1, dtype=torch.float64, device=values.device)
    false_positive, false_negative = predicted - true_positive, truth.sum() - true_positive
    true_negative = len(values) - true_positive - false_positive - false_negative
    cells = [true_negative, false_positive, false_negative, true_positive]
    confusion = torch.stack(cells, dim=-1).view(-1, 2, 2)  # (N + 1, 2, 2)
    quality = balanced_accuracy(confusion) if score == "balanced_accuracy" else f1(confusion)
    bounds = torch.cat([values.new_ones(1), values, values.new_zeros(1)])
    thresholds = (bounds[:-1] + bounds[1:]) / 2  # (N + 1,)
    # A threshold between equal probabilities would separate what cannot be separated.
    quality = torch.where(bounds[:-1] > bounds[1:], quality, -1.0)
    largest = quality.max()
    error = (largest * (1 - largest) / truth.sum().clamp(min=1)).sqrt()
    best = quality >= largest - max(1e-12, standard_errors * float(error))
    if standard_errors and bool((best & (bounds[1:] < 0.5) & (bounds[:-1] >= 0.5)).any()):
        return 0.5
    return float(thresholds[best][(thresholds[best] - 0.5).abs().argmin()])
