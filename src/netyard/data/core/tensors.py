"""A split of a data set that is held in memory as two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from netyard.data.core.loaders import TensorLoader, WorkerLoader
from netyard.data.core.normalization import AsSequence, to_sequence
from netyard.data.core.orders import Order
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


def check_split(
    name: str, split: Split, num_classes: int | None, input_shape: Sequence[int] | None, as_sequence: AsSequence
) -> None:
    """Refuse an empty split, wrong labels, values that are not finite, and samples of another shape.

    Raises:
        DataError: it has one of them.
    """
    if not len(split):
        raise DataError(f"the {name} part is empty;", "every part needs a sample;", "check data.root.")
    if num_classes is not None and not split.y.is_floating_point():
        check_labels(split.y, num_classes, name)
    check_finite(split.y, f"the {name} targets")
    if isinstance(split, TensorSplit):
        check_finite(split.x, f"the {name} inputs")
        shape = list(to_sequence(split.x[:1], as_sequence).shape[1:])
        if input_shape and shape != list(input_shape):
            raise DataError(
                f"the {name} samples have shape {shape}, data.input_shape is {list(input_shape)};",
                "data.channels, data.image_size and data.num_features are facts, not choices;",
                "leave them as the data's yaml has them.",
            )


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
