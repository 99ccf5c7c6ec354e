"""A split of a data set that is held in memory as two tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from netyard.data.core.loaders import Order, TensorLoader, WorkerLoader
from netyard.errors import DataError


class Split(Protocol):
    """What a data module needs of its train, validation and test part, wherever the samples lie."""

    y: Tensor

    def __len__(self) -> int: ...

    def take(self, index: Tensor) -> Split: ...

    def to(self, device: torch.device) -> Split: ...

    def loader(self, order: Order, training: bool) -> TensorLoader | WorkerLoader: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def num_bytes(self) -> int:
        """What moving the split to a device would take there; 0 if it cannot be moved."""
        ...

    @property
    def content(self) -> dict[str, Any]:
        """Everything its samples depend on, as tensors and plain values: equal contents are equal samples."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies its samples on any machine: without paths, times, and values that depend on rounding."""
        ...


@dataclass
class TensorSplit:
    """Inputs and targets.

    x: pictures, uint8 (N, C, H, W), or a table, float32 (N, num_features).
    y: class indices, int64 (N,), or float32 (N, num_targets).
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> TensorSplit:
        return TensorSplit(self.x[index], self.y[index])

    def to(self, device: torch.device) -> TensorSplit:
        return TensorSplit(self.x.to(device), self.y.to(device))

    def loader(self, order: Order, training: bool) -> TensorLoader:
        return TensorLoader(self.x, self.y, order)

    @property
    def device(self) -> torch.device:
        return self.x.device

    @property
    def num_bytes(self) -> int:
        return self.x.nbytes + self.y.nbytes

    @property
    def content(self) -> dict[str, Any]:
        return {"x": self.x, "y": self.y}

    @property
    def identity(self) -> dict[str, Any]:
        return {"x": list(self.x.shape) if self.x.is_floating_point() else self.x, "y": self.y}


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and std of each column or channel: (N, C, ...) -> two float64 (C,); the std of a constant is 1."""
    axes = [0, *range(2, x.ndim)]
    total = torch.zeros(2, x.shape[1], dtype=torch.float64)
    for part in x.split(4096 if x.ndim == 2 else 64):  # a whole set in float64 would take eight times its memory
        part = part.double()
        total += torch.stack([part.sum(axes), part.square().sum(axes)]).cpu()
    mean, square = total / (x.numel() / x.shape[1])
    variance = square - mean.square()
    # What is left of a constant's variance is rounding.
    std = torch.where(variance > 1e-12 * square, variance.clamp(min=0).sqrt(), 1.0)
    return mean, std


def check_finite(x: Tensor, what: str) -> None:
    """Refuse a float tensor that holds NaN or infinity, naming the first such row.

    Raises:
        DataError: it does.
    """
    if not x.is_floating_point():
        return
    bad = (~x.isfinite().flatten(1).all(dim=1)).nonzero()
    if len(bad):
        raise DataError(
            f"{what} of sample {int(bad[0])} hold NaN or infinity ({len(bad)} such sample(s));",
            "every value must be finite;",
            "repair or drop those samples.",
        )


def check_labels(y: Tensor, num_classes: int, what: str) -> None:
    """Refuse class labels outside 0 .. num_classes - 1, naming the first.

    Raises:
        DataError: there is one.
    """
    bad = ((y < 0) | (y >= num_classes)).nonzero()
    if len(bad):
        index = int(bad[0])
        raise DataError(
            f"label {int(y[index])} of {what} sample {index} is out of range;",
            f"labels are 0 to {num_classes - 1};",
            f"try data.num_classes={int(y.max()) + 1}, or repair the labels.",
        )
