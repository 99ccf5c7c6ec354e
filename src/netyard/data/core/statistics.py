"""Mean and standard deviation of the training split, by which samples are normalised."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from netyard.data.core.normalization import RowNormalization
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.columns import Column


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and std of each column or channel: (N, C, ...) -> two float64 (C,); the std of a constant is 1."""
    axes = [0, *range(2, x.ndim)]
    # float64: the variance is a difference of two large sums, in which float32 would leave few correct digits.
    total = torch.zeros(2, x.shape[1], dtype=torch.float64)
    for part in x.split(4096 if x.ndim == 2 else 64):  # a whole set in float64 would take eight times its memory
        part = part.double()
        total += torch.stack([part.sum(axes), part.square().sum(axes)]).cpu()
    mean, square = total / (x.numel() / x.shape[1])
    variance = square - mean.square()
    # Rounding leaves a constant column a tiny variance; dividing by its root would blow that rounding error up.
    std = torch.where(variance > 1e-12 * square, variance.clamp(min=0).sqrt(), 1.0)
    return mean, std


def standardize(
    splits: Mapping[str, Split], names: list[str] | None, known: list[Column], measured: Tensor | None = None
) -> list[Column]:
    """Standardise the features of tables in place, and return them as columns.

    Args:
        splits: ``train`` is a table of floats.
        names: of the features; None: feature_0, feature_1, ...
        known: columns of a run, whose mean and std are used if they have these names.
        measured: the training samples (M, F) that mean and std are those of; None: all.
    """
    train = splits["train"]
    assert isinstance(train, TensorSplit)
    mean, std = (moment.tolist() for moment in moments(train.x if measured is None else measured))
    names = names or [f"feature_{number}" for number in range(len(mean))]
    # The network of a run expects features on the scale of its own training split, whatever is in this one.
    if names == [column.name for column in known]:
        columns = known
    else:
        columns = [Column(*each) for each in zip(names, mean, std, strict=True)]
    normalization = RowNormalization.of(columns)
    for split in splits.values():
        if isinstance(split, TensorSplit):
            split.x = normalization.normalize(split.x)
    return columns
