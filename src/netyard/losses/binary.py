"""Binary cross-entropy for classification: one binary decision for each class."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from netyard.losses.targets import as_probabilities


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Logits ``(B, C)``, class indices ``(B,)`` or soft targets ``(B, C)``  ->  scalar, in nats.

    The mean over samples and classes. Each class has a sigmoid of its own, so that a mixed image can have the
    probability 1 for two classes. Wightman et al. 2021, arXiv:2110.00476.
    """
    # On logits, not on probabilities: log(sigmoid(x)) would be -inf for x below about -100 in float32.
    return F.binary_cross_entropy_with_logits(logits, as_probabilities(target, logits))


class BinaryCrossEntropy(nn.Module):
    """``binary_cross_entropy`` as a module."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy(logits, target)
