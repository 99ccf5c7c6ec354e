"""Focal loss: cross-entropy that looks away from what is already known. Lin et al. 2017, arXiv:1708.02002."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.losses.targets import as_probabilities
from netyard.ranges.bounds import NotNegative
from netyard.ranges.signature import check


def focal_loss(logits: Tensor, target: Tensor, gamma: float = 2.0, alpha: Tensor | None = None) -> Tensor:
    """Logits ``(B, C)``, class indices ``(B,)`` or soft targets ``(B, C)``  ->  scalar, in nats.

    The mean over samples of the paper's ``-alpha_t (1 - p_t)^gamma log p_t`` (equation 5), with the softmax
    in place of the sigmoid; a soft target weighs the terms of its classes. ``gamma`` 0 is cross-entropy.
    ``alpha`` is one weight a class, ``(C,)``.
    """
    log_p = F.log_softmax(logits, dim=1)
    # Below gamma 1 the power's slope at p = 1 is infinite; a smallest number keeps it from meeting a zero.
    away = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
    terms = -(away**gamma) * log_p * as_probabilities(target, log_p)
    return (terms if alpha is None else terms * alpha).sum(dim=1).mean()


class FocalLoss(nn.Module):
    """``focal_loss`` as a module.

    Raises:
        ArgumentError: ``gamma`` below 0; at the first batch, weights of another number than the classes.
    """

    alpha: Tensor | None

    def __init__(self, gamma: NotNegative = 2.0, alpha: Sequence[NotNegative] | None = None) -> None:
        super().__init__()
        check(FocalLoss, locals(), "loss")
        self.gamma = gamma
        # Not part of the checkpoint: it is a setting, and the configuration holds it.
        self.register_buffer("alpha", None if alpha is None else torch.tensor(alpha), persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.alpha is not None and self.alpha.shape != logits.shape[1:]:
            raise ArgumentError(
                f"alpha has {self.alpha.numel()} weights;",
                f"it must have one for each of the {logits.shape[1]} classes;",
                "try loss.alpha=null.",
            )
        return focal_loss(logits, target, self.gamma, self.alpha)
