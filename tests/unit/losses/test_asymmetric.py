"""Asymmetric loss against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from netyard.losses.asymmetric import AsymmetricLoss, asymmetric_terms
from netyard.losses.binary import BinaryCrossEntropy

# Probabilities 3/4 and 1/4.
LOGITS = torch.tensor([[math.log(3.0), -math.log(3.0)]])


def test_by_hand() -> None:
    present, absent = torch.ones(1, 2), torch.zeros(1, 2)
    easy, hard = -math.log(3 / 4), -math.log(1 / 4)
    expected = [[(1 / 4) * easy, (3 / 4) * hard]]
    torch.testing.assert_close(asymmetric_terms(LOGITS, present, 4.0, 1.0, 0.0), torch.tensor(expected))
    expected = [[(3 / 4) ** 4 * hard, (1 / 4) ** 4 * easy]]
    torch.testing.assert_close(asymmetric_terms(LOGITS, absent, 4.0, 1.0, 0.0), torch.tensor(expected))
    # With the margin an absent label counts as one that is less probable, and below the margin not at all.
    expected = [[(3 / 4 - 0.5) ** 2 * -math.log(1 - (3 / 4 - 0.5)), 0.0]]
    torch.testing.assert_close(asymmetric_terms(LOGITS, absent, 2.0, 1.0, 0.5), torch.tensor(expected))


def test_without_powers_and_margin_it_is_binary_cross_entropy() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels = (torch.arange(24).reshape(6, 4) % 3 == 0).float()
    plain, loss = BinaryCrossEntropy(), AsymmetricLoss(0.0, 0.0, 0.0)
    for each in (plain, loss):
        each.set_labels(4)
    torch.testing.assert_close(loss(logits, labels), plain(logits, labels))


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_certainty_gives_finite_values_and_slopes(size: float, margin: float) -> None:
    logits = torch.full((1, 2), size, requires_grad=True)
    loss = asymmetric_terms(logits, torch.tensor([[0.0, 1.0]]), 0.5, 0.5, margin).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_weights_of_classes_and_of_labels() -> None:
    classes = AsymmetricLoss(class_weights=[1.0, 3.0])
    classes.set_classes(2)
    logits, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    terms = asymmetric_terms(logits, torch.eye(2), 4.0, 1.0, 0.05).mean(dim=1)
    torch.testing.assert_close(classes(logits, y), (terms[0] + 3 * terms[1]) / 4)
    plain = classes.plain()
    assert plain is not None and plain.plain() is None
    torch.testing.assert_close(plain(logits, y), terms.mean())
