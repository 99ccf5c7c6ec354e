"""L2 norms of the gradients and weights of a task, separately for each part with its own loss (as in a GAN)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from netyard.tasks.interfaces import HasParts


def gradient_norms(task: Any) -> dict[str, Tensor]:
    """Return ``gradient_norm``, or one norm for each part, by name; parts without gradients are left out."""
    # The norms stay tensors on the device: float() would wait for the GPU at every call.
    return {
        f"{name}gradient_norm": get_total_norm(found)
        for name, part in _parts(task)
        if (found := [each.grad for each in part.parameters() if each.grad is not None])
    }


def weight_norms(task: Any) -> dict[str, Tensor]:
    """Return ``weight_norm``, or one norm for each part, by name; frozen weights are included."""
    return {
        f"{name}weight_norm": get_total_norm([each.detach() for each in part.parameters()])
        for name, part in _parts(task)
    }


def _parts(task: Any) -> Iterator[tuple[str, nn.Module]]:
    """Yield the trainable parts, each with the prefix of its metric names; nothing if the task has no ``parts``."""
    for name, part in task.parts.items() if isinstance(task, HasParts) else ():
        yield f"{name}_" if name else "", part
