"""Binary cross-entropy for classes: one yes-or-no question for each class."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from netyard.losses.targets import as_probabilities


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Logits ``(B, C)``, class indices ``(B,)`` or soft targets ``(B, C)``  ->  scalar, in nats.

    The mean over samples and classes. A sigmoid a class, one against the rest, so a mixed image may belong
    to two classes in full. Wightman et al. 2021, arXiv:2110.00476.
    """
    return F.binary_cross_entropy_with_logits(logits, as_probabilities(target, logits))


class BinaryCrossEntropy(nn.Module):
    """``binary_cross_entropy`` as a module."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy(logits, target)
