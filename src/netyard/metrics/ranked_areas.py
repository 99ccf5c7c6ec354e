"""Areas under the curves of scores that are large for one of two kinds of samples, whatever their scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision


def ranked_areas(scores: Tensor, positive: Tensor) -> dict[str, Tensor]:
    """``auroc`` and ``average_precision`` of scores (N,) and bool ``positive`` (N,); none if all are of one kind."""
    if not bool(positive.any()) or bool(positive.all()):
        return {}
    # Ranks keep the order, and are between 0 and 1: torchmetrics takes larger values for logits.
    ranks = scores.double().unique(return_inverse=True)[1].double()
    ranks = ranks / ranks.max().clamp(min=1)
    truth = positive.to(torch.int64)
    return {"auroc": binary_auroc(ranks, truth), "average_precision": binary_average_precision(ranks, truth)}
