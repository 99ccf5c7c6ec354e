"""The targets of the training split, which balanced class weights are counted on."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import HasSplits


def training_targets(data: Any, one: str, several: str) -> Tensor:
    """Return the targets of all training samples, on the CPU: classes (N,) or labels (N, L).

    Args:
        one, several: what the targets are, for the message: class, classes.

    Raises:
        ArgumentError: the datamodule does not give its splits.
    """
    if not isinstance(data, HasSplits):
        raise ArgumentError(
            f"loss.class_weights=balanced counts the {several} of the training split, which this datamodule does not"
            " give;",
            "it gives them by a method split;",
            f"try loss.class_weights=[1.0,3.0], a weight for each {one}.",
        )
    return data.split("train").y.cpu()
