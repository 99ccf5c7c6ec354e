"""Weights of classes: those of scikit-learn, the same in every loss, and none in the plain form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.losses.asymmetric import AsymmetricLoss
from netyard.losses.binary import BinaryCrossEntropy
from netyard.losses.class_weights import ClassWeighted, CrossEntropyLoss, MultiMarginLoss
from netyard.losses.focal import FocalLoss
from netyard.losses.plain import plain

LOSSES = [CrossEntropyLoss, MultiMarginLoss, BinaryCrossEntropy, FocalLoss, AsymmetricLoss]
WEIGHTS = [1.0, 5.0, 2.0]
LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 1, 0, 0])


def weighted(kind: type[ClassWeighted], weights: object, **settings: object) -> ClassWeighted:
    loss = kind(class_weights=weights, **settings)
    loss.set_classes(3)
    return loss


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_is_the_mean_weighted_by_the_classes(kind: type[ClassWeighted]) -> None:
    alone = torch.stack([kind()(LOGITS[each : each + 1], LABELS[each : each + 1]) for each in range(6)])
    weights = torch.tensor(WEIGHTS)[LABELS]
    loss = weighted(kind, WEIGHTS)
    torch.testing.assert_close(loss(LOGITS, LABELS), (alone * weights).sum() / weights.sum())
    torch.testing.assert_close(plain(loss)(LOGITS, LABELS), kind()(LOGITS, LABELS))  # type: ignore[misc]
    assert [*loss.state_dict()] == ["weight"] and not kind().state_dict() and plain(kind()) is None
    equal = weighted(kind, "balanced")
    torch.testing.assert_close(equal(LOGITS, LABELS), kind()(LOGITS, LABELS))


def test_cross_entropy_is_that_of_torch() -> None:
    loss = weighted(CrossEntropyLoss, WEIGHTS, label_smoothing=0.1)
    wanted = F.cross_entropy(LOGITS, LABELS, torch.tensor(WEIGHTS), label_smoothing=0.1)
    assert loss(LOGITS, LABELS) == wanted


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    loss = weighted(CrossEntropyLoss, "balanced")
    loss.balance(torch.tensor([90, 7, 3]))
    labels = np.repeat([0, 1, 2], [90, 7, 3])
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    torch.testing.assert_close(loss.weight, torch.tensor(wanted, dtype=torch.float32))
    loss.balance(torch.tensor([5, 0, 5]))
    assert loss.weight is not None and loss.weight.tolist() == [1.0, 1.0, 1.0], "nobody is there to be weighted"
    fixed = weighted(CrossEntropyLoss, WEIGHTS)
    fixed.balance(torch.tensor([90, 7, 3]))
    assert fixed.weight is not None and fixed.weight.tolist() == WEIGHTS


@pytest.mark.parametrize("kind", LOSSES)
def test_wrong_weights_are_refused(kind: type[ClassWeighted]) -> None:
    with pytest.raises(ArgumentError, match=r"class_weights has 2 weights; .* each of the 3 classes"):
        weighted(kind, [1.0, 2.0])
    with pytest.raises(ArgumentError, match="class_weights"):
        weighted(kind, "equal")
    with pytest.raises(ArgumentError, match=r"class_weights"):
        weighted(kind, [1.0, -2.0, 1.0])


def test_two_kinds_of_weights_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"both given; .*; try loss\.alpha=null"):
        FocalLoss(alpha=[1.0, 2.0], class_weights="balanced")


# Labels: each has a weight of the samples that have it.


@pytest.mark.parametrize("loss_class", [BinaryCrossEntropy, FocalLoss, AsymmetricLoss])
def test_balanced_weights_of_labels_let_both_kinds_of_samples_count_equally(loss_class: type) -> None:
    loss = loss_class(class_weights="balanced")
    loss.set_labels(3)
    loss.balance_labels(torch.tensor([2, 0, 8]), 8)
    # A label that no sample has, or every one, is not weighted.
    assert loss.weight.tolist() == [3.0, 1.0, 1.0]
    logits, y = torch.zeros(8, 3), torch.zeros(8, 3)
    y[:2, 0], y[:, 2] = 1.0, 1.0
    plain = loss.plain()
    plain.set_labels(3)
    # A weighted mean: weights do not change its size where all terms are equal.
    if loss_class is BinaryCrossEntropy:
        torch.testing.assert_close(loss(logits, y), plain(logits, y))
    logits[:2, 0] = -2.0  # the rare ones are wrong
    assert loss(logits, y) > plain(logits, y)


def test_a_weight_for_each_label_by_hand() -> None:
    loss = BinaryCrossEntropy([3.0, 1.0])
    loss.set_labels(2)
    logits, y = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    present, absent = F.softplus(torch.tensor(-2.0)), F.softplus(torch.tensor(-1.0))
    torch.testing.assert_close(loss(logits, y), (3 * present + absent) / 4)
    with pytest.raises(ArgumentError, match=r"class_weights has 2 weights; .* each of the 3 labels; try .*=balanced"):
        BinaryCrossEntropy([3.0, 1.0]).set_labels(3)


def test_the_focal_loss_of_labels_is_the_published_one() -> None:
    loss = FocalLoss(2.0, alpha=[3.0])
    loss.set_labels(1)
    p = 0.75
    logits = torch.log(torch.tensor([[p / (1 - p)], [p / (1 - p)]]))
    y = torch.tensor([[1.0], [0.0]])
    present, absent = (1 - p) ** 2 * -math.log(p), p**2 * -math.log(1 - p)
    assert loss(logits, y).item() == pytest.approx((3 * present + absent) / 2)
    plain = loss.plain()
    assert plain is not None
    assert plain(logits, y).item() == pytest.approx((present + absent) / 2)
