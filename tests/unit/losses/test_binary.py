"""One against the rest, and the forms a target may take."""

import math

import pytest
import torch
from torch.nn import functional as F

from netyard.losses.binary import binary_cross_entropy
from netyard.losses.targets import as_probabilities

LOGITS = torch.tensor([[math.log(3.0), 0.0, -math.log(3.0)]])  # sigmoids 3/4, 1/2, 1/4


def test_by_hand():
    expected = -(math.log(3 / 4) + math.log(1 / 2) + math.log(3 / 4)) / 3
    assert binary_cross_entropy(LOGITS, torch.tensor([0])).item() == pytest.approx(expected)


def test_two_classes_by_hand():
    expected = -(math.log(3 / 4) + math.log(1 / 2)) / 2
    assert binary_cross_entropy(LOGITS[:, :2], torch.tensor([0])).item() == pytest.approx(expected)


def test_soft_targets_by_hand():
    expected = -(math.log(3 / 4) + 0.5 * math.log(1 / 2) * 2 + math.log(3 / 4)) / 3
    assert binary_cross_entropy(LOGITS, torch.tensor([[1.0, 0.5, 0.0]])).item() == pytest.approx(expected)


def test_a_mixed_image_can_have_two_classes():
    both = torch.tensor([[20.0, 20.0, -20.0]])
    assert binary_cross_entropy(both, torch.tensor([[1.0, 1.0, 0.0]])).item() == pytest.approx(0.0, abs=1e-6)


def test_probabilities_take_the_dtype_of_the_logits():
    labels = torch.tensor([2, 0])
    logits = torch.zeros(2, 3, dtype=torch.bfloat16)
    assert torch.equal(as_probabilities(labels, logits), F.one_hot(labels, 3).bfloat16())
    assert as_probabilities(torch.ones(2, 3, dtype=torch.float64), logits).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "target",
    [
        torch.zeros(2, 1),
        torch.zeros(2),
        torch.zeros(3, dtype=torch.int64),
        torch.zeros(2, 3, dtype=torch.int64),
    ],
    ids=["column", "floats", "too_many", "integer_table"],
)
def test_a_target_of_another_kind_is_refused(target):
    with pytest.raises(ValueError, match=r"the targets are .*; they must be int64 of shape \(2,\), or soft.*; try"):
        binary_cross_entropy(torch.zeros(2, 3), target)
