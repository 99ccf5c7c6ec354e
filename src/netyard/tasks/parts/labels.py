"""Labels for the samples that a conditional net generates."""

from __future__ import annotations

import torch
from torch import Tensor

from netyard.errors import ArgumentError


def sample_labels(count: int, label: int | Tensor | None, num_classes: int | None) -> Tensor | None:
    """Return labels (count,), int64 on the CPU: the given one for all samples, the given ones, or each class in turn.

    Args:
        num_classes: None for a net that takes no labels; the result is None then.

    Raises:
        ArgumentError: a label for a net that takes none, or a label outside 0 .. num_classes - 1.
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
        # 0, 1, ..., 0, 1, ...: every class is equally frequent.
        return torch.arange(count) % num_classes
    labels = label.cpu() if isinstance(label, Tensor) else torch.full((count,), label)  # (count,)
    # Checked here because an embedding on a GPU fails with an assertion of the device that names no value.
    if ((labels < 0) | (labels >= num_classes)).any():
        raise ArgumentError(
            f"label is {label};",
            f"it must be from 0 to {num_classes - 1};",
            "try class=0.",
        )
    return labels
