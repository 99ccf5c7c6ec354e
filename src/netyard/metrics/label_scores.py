"""Scores of a classifier that sets any number of labels for each sample.

The values are those of scikit-learn, averaged over the labels for which they are defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from netyard.metrics.class_scores import DecisionScore, best_threshold

LabelScore: TypeAlias = Literal[
    "f1", "f1_micro", "average_precision", "auroc", "hamming_accuracy", "subset_accuracy", "balanced_accuracy"
]
NAMES: tuple[LabelScore, ...] = get_args(LabelScore)


class LabelCounts(NamedTuple):
    """Samples by true and predicted label, int64 (L,) each."""

    true_positive: Tensor
    false_positive: Tensor
    false_negative: Tensor
    true_negative: Tensor

    @classmethod
    def of(cls, decisions: Tensor, truth: Tensor) -> LabelCounts:
        """Count two bool (N, L)."""
        pairs = (decisions & truth, decisions & ~truth, ~decisions & truth, ~decisions & ~truth)
        return cls(*(each.sum(dim=0) for each in pairs))

    @property
    def positives(self) -> Tensor:
        """Samples that have each label."""
        return self.true_positive + self.false_negative

    @property
    def predicted(self) -> Tensor:
        """Samples for which each label was set."""
        return self.true_positive + self.false_positive


def precision(counts: LabelCounts) -> Tensor:
    """Float64 (L,); NaN for a label that was never set."""
    return _ratio(counts.true_positive, counts.predicted)


def recall(counts: LabelCounts) -> Tensor:
    """Float64 (L,); NaN for a label that no sample has."""
    return _ratio(counts.true_positive, counts.positives)


def f1(counts: LabelCounts) -> Tensor:
    """The harmonic mean of precision and recall, float64 (L,); NaN for a label that is neither true nor set."""
    return _ratio(2 * counts.true_positive, counts.positives + counts.predicted)


def balanced_accuracy(counts: LabelCounts) -> Tensor:
    """The mean recall of the samples with and without the label, float64 (L,); NaN if all are of one kind."""
    negatives = counts.false_positive + counts.true_negative
    return (recall(counts) + _ratio(counts.true_negative, negatives)) / 2


def average_precision(probabilities: Tensor, truth: Tensor) -> Tensor:
    """The area under the precision-recall curve of each label, float64 (L,); NaN for a label that no sample has."""
    areas = [_average_precision(each, true) for each, true in zip(probabilities.T, truth.T, strict=True)]
    return torch.stack(areas)


def auroc(probabilities: Tensor, truth: Tensor) -> Tensor:
    """The area under the ROC curve of each label, float64 (L,); NaN if all samples or none have it."""
    areas = [_auroc(each, true) for each, true in zip(probabilities.T, truth.T, strict=True)]
    return torch.stack(areas)


def scores(names: Sequence[str], probabilities: Tensor, truth: Tensor, thresholds: Tensor) -> dict[str, Tensor]:
    """The scores that are defined, as float32 scalars by name.

    Args:
        names: of ``NAMES``.
        probabilities: (N, L).
        truth: bool (N, L).
        thresholds: (L,), the probability from which a label is set.
    """
    decisions = probabilities >= thresholds
    counts = LabelCounts.of(decisions, truth)
    found = {
        "f1": lambda: f1(counts).nanmean(),
        "f1_micro": lambda: f1(LabelCounts(*(each.sum(dim=0, keepdim=True) for each in counts))).nanmean(),
        "average_precision": lambda: average_precision(probabilities, truth).nanmean(),
        "auroc": lambda: auroc(probabilities, truth).nanmean(),
        "hamming_accuracy": lambda: (decisions == truth).double().mean(),
        "subset_accuracy": lambda: (decisions == truth).all(dim=1).double().mean(),
        "balanced_accuracy": lambda: balanced_accuracy(counts).nanmean(),
    }
    values = {name: found[name]().float() for name in names}
    return {name: value for name, value in values.items() if not value.isnan()}


def best_thresholds(score: DecisionScore, probabilities: Tensor, truth: Tensor) -> Tensor:
    """The threshold of each label, float32 (L,): the nearest to 0.5 whose score is the largest, or as good by chance.

    As good are scores within one standard error of the largest: of many labels some have few samples, and the threshold
    that fits these best is a worse one for others. A label that all samples or none have keeps 0.5.
    """
    found = [
        best_threshold(score, each, true.long(), standard_errors=1.0) if 0 < true.sum() < len(true) else 0.5
        for each, true in zip(probabilities.T, truth.T, strict=True)
    ]
    return torch.tensor(found, dtype=torch.float32, device=probabilities.device)


def _average_precision(probabilities: Tensor, truth: Tensor) -> Tensor:
    if not truth.any():
        return torch.full((), torch.nan, dtype=torch.float64, device=truth.device)
    return binary_average_precision(probabilities, truth.long()).double()


def _auroc(probabilities: Tensor, truth: Tensor) -> Tensor:
    if not truth.any() or truth.all():
        return torch.full((), torch.nan, dtype=torch.float64, device=truth.device)
    return binary_auroc(probabilities, truth.long()).double()


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part.double() / whole.double()  # 0 / 0 is NaN
