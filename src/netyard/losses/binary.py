"""Binary cross-entropy: one binary decision for each class, or for each of several labels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from netyard.losses.class_weights import ClassWeights, LabelWeighted, weighted_mean
from netyard.losses.targets import as_probabilities
from netyard.ranges.signature import check


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Logits ``(B, C)``, class indices ``(B,)`` or soft targets ``(B, C)``  ->  scalar, in nats.

    The mean over samples and classes. Each class has a sigmoid of its own, so that a mixed image can have the
    probability 1 for two classes. Wightman et al. 2021, arXiv:2110.00476.
    """
    # On logits, not on probabilities: log(sigmoid(x)) would be -inf for x below about -100 in float32.
    return F.binary_cross_entropy_with_logits(logits, as_probabilities(target, logits))


class BinaryCrossEntropy(LabelWeighted):
    """``binary_cross_entropy`` as a module; ``class_weights`` weight each sample by its class, or its labels."""

    def __init__(self, class_weights: ClassWeights = None) -> None:
        super().__init__()
        check(BinaryCrossEntropy, locals(), "loss")
        self.class_weights = class_weights
        self.register_buffer("weight", None)

    def plain(self) -> BinaryCrossEntropy | None:
        """Return the loss without class weights; None if it has none."""
        return None if self.weight is None else BinaryCrossEntropy()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.weight is None:
            return binary_cross_entropy(logits, target)
        terms = F.binary_cross_entropy_with_logits(logits, as_probabilities(target, logits), reduction="none")
        if self.decides_labels:
            return self.mean_over_labels(terms, target)
        return weighted_mean(terms.mean(dim=1), target, logits, self.weight)
