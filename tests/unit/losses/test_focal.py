"""Focal loss against numbers worked out by hand, and against cross-entropy."""

import math

import pytest
import torch
from torch.nn import functional as F

from netyard.losses.focal import FocalLoss, focal_loss

# Two samples, two classes: the true class has probability 3/4, then 1/4.
LOGITS = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
LABELS = torch.tensor([0, 1])
EASY, HARD = -math.log(3 / 4), -math.log(1 / 4)


def test_by_hand():
    expected = ((1 / 4) ** 2 * EASY + (3 / 4) ** 2 * HARD) / 2
    assert focal_loss(LOGITS, LABELS, gamma=2.0).item() == pytest.approx(expected)


def test_class_weights_by_hand():
    expected = (10 * (1 / 4) * EASY + 0.5 * (3 / 4) * HARD) / 2
    assert FocalLoss(gamma=1.0, alpha=[10.0, 0.5])(LOGITS, LABELS).item() == pytest.approx(expected)


def test_soft_targets_by_hand():
    half = torch.full((2, 2), 0.5)
    expected = 0.5 * (1 / 4) ** 2 * EASY + 0.5 * (3 / 4) ** 2 * HARD
    assert focal_loss(LOGITS, half, gamma=2.0).item() == pytest.approx(expected)


def test_gamma_zero_is_cross_entropy():
    logits = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 5
    soft = torch.softmax(logits.flip(0), dim=1)
    for target in (labels, soft):
        torch.testing.assert_close(focal_loss(logits, target, gamma=0.0), F.cross_entropy(logits, target))


def test_one_hot_targets_are_class_indices():
    soft = F.one_hot(LABELS, 2).float()
    torch.testing.assert_close(focal_loss(LOGITS, soft), focal_loss(LOGITS, LABELS))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_certainty_gives_finite_values_and_slopes(gamma, size):
    logits = torch.tensor([[size, 0.0, 0.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([0]), gamma=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_the_gradient_is_the_slope():
    logits = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    torch.autograd.gradcheck(lambda x: focal_loss(x, torch.tensor([0, 1, 2, 0]), gamma=1.5), (logits,))


def test_weights_are_no_part_of_a_checkpoint():
    assert FocalLoss(alpha=[1.0, 2.0]).state_dict() == {}


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"gamma is -1; it must be a number at least 0; try loss\.gamma=2"):
        FocalLoss(gamma=-1)
    with pytest.raises(ValueError, match=r"alpha has 3 weights; .* each of the 2 classes; try loss\.alpha=null"):
        FocalLoss(alpha=[1.0, 1.0, 1.0])(LOGITS, LABELS)


def test_gamma_is_two_where_none_is_given_and_zero_is_allowed() -> None:
    logits, labels = torch.tensor([[2.0, 0.0], [0.5, 1.0]]), torch.tensor([0, 0])
    assert FocalLoss().gamma == 2.0
    assert torch.equal(focal_loss(logits, labels), focal_loss(logits, labels, 2.0))
    torch.testing.assert_close(FocalLoss(0.0)(logits, labels), torch.nn.functional.cross_entropy(logits, labels))


def test_the_weights_of_classes_are_no_part_of_a_checkpoint() -> None:
    assert not FocalLoss(alpha=[0.25, 0.75]).state_dict()
