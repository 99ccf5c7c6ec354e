"""Asymmetric loss: of many labels most are absent, and easy absent ones count next to nothing. Ridnik et al. 2021."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.losses.class_weights import ClassWeights, LabelWeighted, weighted_mean
from netyard.losses.targets import as_probabilities
from netyard.ranges.bounds import NotNegative, Probability
from netyard.ranges.signature import check


def asymmetric_terms(
    logits: Tensor, target: Tensor, gamma_negative: float, gamma_positive: float, margin: float
) -> Tensor:
    """The loss of each label, in nats: logits and targets (B, L) -> (B, L). Ridnik et al. 2021, arXiv:2009.14119.

    ``-(1 - p)^gamma_positive log p`` of a present label; of an absent one ``-q^gamma_negative log(1 - q)`` with
    ``q = max(p - margin, 0)``.
    """
    log_p = F.logsigmoid(logits)
    tiny = torch.finfo(log_p.dtype).tiny  # a power below 1 has an infinite slope at 0
    not_p = F.logsigmoid(-logits).exp().clamp_min(tiny)
    q = (log_p.exp() - margin).clamp_min(tiny)
    # Without a margin 1 - q would be rounded to 0 for a large logit.
    log_not_q = torch.log1p(-q) if margin else F.logsigmoid(-logits)
    return -(target * not_p**gamma_positive * log_p + (1 - target) * q**gamma_negative * log_not_q)


class AsymmetricLoss(LabelWeighted):
    """``asymmetric_terms``, averaged over samples and labels; also for classes, each against the rest."""

    def __init__(
        self,
        gamma_negative: NotNegative = 4.0,
        gamma_positive: NotNegative = 1.0,
        margin: Probability = 0.05,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__()
        check(AsymmetricLoss, locals(), "loss")
        self.gamma_negative, self.gamma_positive, self.margin = gamma_negative, gamma_positive, margin
        self.class_weights = class_weights
        self.register_buffer("weight", None)

    def plain(self) -> AsymmetricLoss | None:
        """Return the loss without class weights; None if it has none."""
        if self.weight is None:
            return None
        return AsymmetricLoss(self.gamma_negative, self.gamma_positive, self.margin)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        soft = as_probabilities(target, logits)
        terms = asymmetric_terms(logits, soft, self.gamma_negative, self.gamma_positive, self.margin)
        if self.decides_labels:
            return self.mean_over_labels(terms, soft)
        return weighted_mean(terms.mean(dim=1), target, logits, self.weight)
