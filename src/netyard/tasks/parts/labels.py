"""The labels of the samples that a conditional net draws."""

from __future__ import annotations

import torch
from torch import Tensor

from netyard.errors import ArgumentError


def labels_to_draw(count: int, label: int | Tensor | None, num_classes: int | None) -> Tensor | None:
    """Labels (count,), int64 on the CPU: the one asked for, those given, or all classes in turn.

    Args:
        num_classes: None for a net without labels; the result is None then.

    Raises:
        ArgumentError: a label for a net without labels, or one that it does not know.
    """
    if not num_classes:
        if label is not None:
            raise ArgumentError(
                f"label is {label};",
                "this net takes no label;",
                "leave class out, or try model=conditional_gan or model=conditional_vae.",
            )
        return None
    if label is None:
        return torch.arange(count) % num_classes
    labels = label.cpu() if isinstance(label, Tensor) else torch.full((count,), label)
    if ((labels < 0) | (labels >= num_classes)).any():
        raise ArgumentError(
            f"label is {label};",
            f"it must be from 0 to {num_classes - 1};",
            "try class=0.",
        )
    return labels
