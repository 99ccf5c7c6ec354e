"""Euclidean norms of the gradients and weights of a task, for each part that has a loss of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from netyard.tasks.interfaces import HasParts


def gradient_norms(task: Any) -> dict[str, Tensor]:
    """``gradient_norm``, or one for each part, by name; parts without gradients are left out.

    The norms stay tensors: a float would wait for the device.
    """
    return {
        f"{name}gradient_norm": get_total_norm(found)
        for name, part in _parts(task)
        if (found := [each.grad for each in part.parameters() if each.grad is not None])
    }


def weight_norms(task: Any) -> dict[str, Tensor]:
    """``weight_norm`` likewise, frozen weights included."""
    return {
        f"{name}weight_norm": get_total_norm([each.detach() for each in part.parameters()])
        for name, part in _parts(task)
    }


def _parts(task: Any) -> Iterator[tuple[str, nn.Module]]:
    """Trainable parts, each with the prefix of its metric names; none of a task without ``parts``."""
    for name, part in task.parts.items() if isinstance(task, HasParts) else ():
        yield f"{name}_" if name else "", part
