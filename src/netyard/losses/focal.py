"""Focal loss: cross-entropy with less weight on samples that are already classified well. Lin et al. 2017."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.losses.class_weights import ClassWeights, LabelWeighted, weighted_mean
from netyard.losses.targets import as_probabilities
from netyard.ranges.bounds import NotNegative
from netyard.ranges.signature import check


def focal_loss(logits: Tensor, target: Tensor, gamma: float = 2.0, alpha: Tensor | None = None) -> Tensor:
    """Logits ``(B, C)``, class indices ``(B,)`` or soft targets ``(B, C)``  ->  scalar, in nats.

    The mean over samples of ``-alpha_t (1 - p_t)^gamma log p_t`` (Lin et al. 2017, arXiv:1708.02002, equation 5), with
    a softmax in place of the sigmoid; a soft target weights the terms of its classes. ``gamma`` 0 is cross-entropy.
    ``alpha`` is one weight for each class, ``(C,)``.
    """
    terms = focal_terms(logits, target, gamma)
    # A mean over samples with alpha too: torch's weighted cross-entropy would divide by the sum of the weights.
    return (terms if alpha is None else terms * alpha).sum(dim=1).mean()


def focal_terms(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The terms of ``focal_loss`` before weights and sums: (B, C)."""
    log_p = F.log_softmax(logits, dim=1)  # (B, C)
    # -expm1(log p) = 1 - p, with all its digits for p near 1. For gamma < 1 the derivative of the power is infinite at
    # 0, and infinity times a zero would be NaN, hence the clamp to the smallest normal number.
    one_minus_p = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
    return -(one_minus_p**gamma) * log_p * as_probabilities(target, log_p)


def focal_label_terms(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The focal loss of each label, in its published form with a sigmoid: logits and targets (B, L) -> (B, L)."""
    log_p, log_not_p = F.logsigmoid(logits), F.logsigmoid(-logits)
    # Clamped as in ``focal_terms``.
    tiny = torch.finfo(log_p.dtype).tiny
    p, not_p = log_p.exp().clamp_min(tiny), log_not_p.exp().clamp_min(tiny)
    return -(target * not_p**gamma * log_p + (1 - target) * p**gamma * log_not_p)


class FocalLoss(LabelWeighted):
    """``focal_loss`` as a module; with ``class_weights`` as the mean weighted by the classes of the samples.

    Of labels it is the mean over samples and labels; ``alpha`` or ``class_weights`` weight the present ones.

    Raises:
        ArgumentError: ``gamma`` or a weight below 0; both ``alpha`` and ``class_weights``; at the first batch, not one
            weight for each class.
    """

    alpha: Tensor | None

    def __init__(
        self,
        gamma: NotNegative = 2.0,
        alpha: Sequence[NotNegative] | None = None,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__()
        check(FocalLoss, locals(), "loss")
        if alpha is not None and class_weights is not None:
            raise ArgumentError(
                "loss.alpha and loss.class_weights are both given;",
                "each is a weight for each class, and they would be multiplied;",
                "try loss.alpha=null.",
            )
        self.gamma, self.class_weights = gamma, class_weights
        self.register_buffer("weight", None)
        # A buffer, to move with the module to its device, but not in the checkpoint: it is part of the config.
        self.register_buffer("alpha", None if alpha is None else torch.tensor(alpha), persistent=False)

    def plain(self) -> FocalLoss | None:
        """Return the loss without class weights; None if it has none."""
        if self.alpha is None and self.weight is None:
            return None
        made = FocalLoss(self.gamma)
        made.decides_labels = self.decides_labels
        return made

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.alpha is not None and self.alpha.shape != logits.shape[1:]:
            raise ArgumentError(
                f"alpha has {self.alpha.numel()} weights;",
                f"it must have one for each of the {logits.shape[1]} {'labels' if self.decides_labels else 'classes'};",
                "try loss.alpha=null.",
            )
        if self.decides_labels:
            target = as_probabilities(target, logits)
            terms = focal_label_terms(logits, target, self.gamma)
            if self.alpha is not None:
                terms = terms * (1 + (self.alpha - 1) * target)
            return self.mean_over_labels(terms, target)
        if self.weight is None:
            return focal_loss(logits, target, self.gamma, self.alpha)
        return weighted_mean(focal_terms(logits, target, self.gamma).sum(dim=1), target, logits, self.weight)
