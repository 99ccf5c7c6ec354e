"""The plain form of a loss: what is removed, and which losses are plain already."""

from __future__ import annotations

import pytest
import torch
from timm.loss import LabelSmoothingCrossEntropy
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.losses.binary import BinaryCrossEntropy
from netyard.losses.focal import FocalLoss, focal_loss
from netyard.losses.plain import plain

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 1])
WEIGHTS = torch.tensor([1.0, 5.0, 2.0])


class Weighted(nn.CrossEntropyLoss):
    """A loss of a user's own."""


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Linear(3, 3)  # no weights of classes

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(self.weight(logits), y)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(weight=WEIGHTS),
        nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=0.3),
        Weighted(weight=WEIGHTS),
        LabelSmoothingCrossEntropy(0.2),
    ],
    ids=str,
)
def test_weights_and_smoothing_are_removed_from_cross_entropy(loss: nn.Module) -> None:
    before = loss(LOGITS, LABELS)
    without = plain(loss)
    # -log softmax by hand: the mean of log(1 + e^-1.5 + e^-3) and 2 + log(1 + e^-2 + e^-3)
    expected = (torch.tensor(-1.5).exp() + torch.tensor(-3.0).exp() + 1).log() / 2
    expected += (2 + (1 + torch.tensor(-2.0).exp() + torch.tensor(-3.0).exp()).log()) / 2
    assert without is not None and without(LOGITS, LABELS).item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss(LOGITS, LABELS) == before, "the trained loss has not changed"


def test_a_focal_loss_keeps_gamma_and_loses_the_weights_of_classes() -> None:
    without = plain(FocalLoss(1.5, [1.0, 5.0, 2.0]))
    assert without is not None and without(LOGITS, LABELS) == focal_loss(LOGITS, LABELS, 1.5)


def test_other_settings_of_a_loss_stay() -> None:
    without = plain(nn.MultiMarginLoss(p=2, margin=0.5, weight=WEIGHTS))
    assert without is not None
    assert without(LOGITS, LABELS) == F.multi_margin_loss(LOGITS, LABELS, p=2, margin=0.5)
    bce = plain(nn.BCEWithLogitsLoss(pos_weight=WEIGHTS))
    target = F.one_hot(LABELS, 3).float()
    assert bce is not None and bce(LOGITS, target) == F.binary_cross_entropy_with_logits(LOGITS, target)


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(), FocalLoss(), BinaryCrossEntropy(), nn.HuberLoss(delta=2.0), nn.MultiMarginLoss(), Own()],
    ids=lambda loss: type(loss).__name__,
)
def test_a_plain_loss_has_no_other_form(loss: nn.Module) -> None:
    assert plain(loss) is None
