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
    """A training, validation or test split, with its samples in memory or in files."""

    y: Tensor

    def __len__(self) -> int: ...

    def take(self, index: Tensor) -> Split: ...

    def to(self, device: torch.device) -> Split: ...

    def loader(self, order: Order, training: bool) -> TensorLoader | WorkerLoader: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def num_bytes(self) -> int:
        """Memory that the split would take on a device; 0 if it cannot be moved."""
        ...

    @property
    def content(self) -> dict[str, Any]:
        """Everything that its samples depend on, as tensors and plain values: with equal contents samples are equal."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Identifies its samples on any machine: without paths, times, and values that depend on rounding."""
        ...


@dataclass
class TensorSplit:
    """Inputs and targets.

    x: images, uint8 (N, C, H, W), or a table, float32 (N, num_features).
    y: class indices, int64 (N,); labels, uint8 (N, num_labels); or float32 (N, num_targets).
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
        # The normalised inputs: with other statistics the samples that a network sees are others, too.
        return {"x": self.x, "y": self.y}

    @property
    def identity(self) -> dict[str, Any]:
        # Floats may differ by rounding between machines, for example after parsing a CSV file.
        return {"x": list(self.x.shape) if self.x.is_floating_point() else self.x, "y": self.y}


def check_split(
    name: str, split: Split, num_classes: int | None, input_shape: Sequence[int] | None, as_sequence: AsSequence
) -> None:
    """Refuse an empty split, wrong labels, values that are not finite, and samples of another shape.

    Raises:
        DataError: it has one of them.
    """
    if not len(split):
        raise DataError(f"the {name} split is empty;", "every split needs a sample;", "check data.root.")
    if num_classes is not None and not split.y.is_floating_point():
        check_labels(split.y, num_classes, name)
    check_finite(split.y, f"the {name} targets")
    if isinstance(split, TensorSplit):
        check_finite(split.x, f"the {name} inputs")
        # One sample is enough: all rows of a tensor have the same shape.
        shape = list(to_sequence(split.x[:1], as_sequence).shape[1:])
        if input_shape and shape != list(input_shape):
            raise DataError(
                f"the {name} samples have shape {shape}, data.input_shape is {list(input_shape)};",
                "data.channels, data.image_size and data.num_features are facts, not choices;",
                "leave them as the data's yaml has them.",
            )


def check_finite(x: Tensor, what: str) -> None:
    """Refuse a float tensor with NaN or infinity; the message names the first such sample.

    Raises:
        DataError: it has such a value.
    """
    if not x.is_floating_point():
        return
    # Now, and not as a NaN loss after some steps, when the sample can no longer be found.
    bad = (~x.isfinite().flatten(1).all(dim=1)).nonzero()
    if len(bad):
        raise DataError(
            f"{what} of sample {int(bad[0])} hold NaN or infinity ({len(bad)} such sample(s));",
            "every value must be finite;",
            "repair or remove those samples.",
        )


def check_labels(y: Tensor, num_classes: int, what: str) -> None:
    """Refuse class labels outside 0 .. num_classes - 1; the message names the first one.

    Raises:
        DataError: there is one.
    """
    # On a GPU such a label fails in the loss with an assertion that does not say which sample it was.
    bad = ((y < 0) | (y >= num_classes)).nonzero()
    if len(bad):
        index = int(bad[0])
        raise DataError(
            f"label {int(y[index])} of {what} sample {index} is out of range;",
            f"labels are 0 to {num_classes - 1};",
            f"try data.num_classes={int(y.max()) + 1}, or repair the labels.",
        )
