"""Class labels in the two forms of a batch: an index for each sample, or soft targets after mixup."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.errors import ArgumentError


def as_probabilities(target: Tensor, logits: Tensor) -> Tensor:
    """Class indices ``(B,)`` or soft targets ``(B, C)``, and logits ``(B, C)``  ->  probabilities ``(B, C)``.

    Raises:
        ArgumentError: a target of another shape or dtype.
    """
    # The dtype decides, not the shape alone: (B,) numbers of a regression must not be taken for class indices.
    if target.dtype == torch.int64 and target.shape == logits.shape[:1]:
        return F.one_hot(target, logits.shape[1]).to(logits.dtype)
    if target.is_floating_point() and target.shape == logits.shape:
        return target.to(logits.dtype)
    raise ArgumentError(
        f"the targets are {target.dtype} of shape {tuple(target.shape)}, the logits have shape {tuple(logits.shape)};",
        f"they must be int64 of shape {tuple(logits.shape[:1])}, or soft targets of the logits' shape;",
        "try data with class labels, or loss=mse for a regression.",
    )
