"""Samples as flat rows of numbers, and the parts of a data set that a baseline reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.ranges.image_size import height_and_width
from netyard.tasks.interfaces import NormalizedImages, RealSamples, SampledData, has_split

MOST_TRAINED, MOST_VALIDATED, MOST_SCORED = 10_000, 2_000, 5_000
"""Samples of the training, the validation and the scored part that are read, chosen by a fixed seed."""
_MOST_NUMBERS = 150_000_000  # of one part, as its samples are stored: 1,000 photos of 224 x 224 pixels are decoded
_SIDE = 32  # pixels; larger images are reduced
_SEED = 0
_DOUBLE = 10_000_000  # numbers of a part up to which float64 is used


@dataclass(frozen=True)
class Part:
    """Samples of one part. x: (N, F), an array or a sparse matrix; y: (N,) or (N, T)."""

    x: Any
    y: np.ndarray
    total: int
    """The number of samples that the part has, of which these are chosen."""

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def first(self, count: int) -> Part:
        """The first samples. Parts are shuffled, so that these are chosen at random."""
        return self if count >= len(self) else Part(self.x[:count], self.y[:count], self.total)


@dataclass(frozen=True)
class Parts:
    """What a baseline is fitted on, tuned on, and scored on."""

    train: Part
    val: Part | None
    scored: Part

    @property
    def tested(self) -> int | None:
        """The number of scored samples, if that is not all of the part."""
        return len(self.scored) if len(self.scored) < self.scored.total else None


def parts_of(data: Any, stage: str) -> Parts:
    """The parts of a data set as rows.

    Args:
        data: with ``real_samples`` and ``split``.
        stage: ``test`` or ``val``, which is scored.
    """
    val = rows_of(data, "val", MOST_VALIDATED) if has_split(data, "val") else None
    scored = val if stage == "val" and val is not None else rows_of(data, stage, MOST_SCORED)
    return Parts(rows_of(data, "train", MOST_TRAINED), val, scored)


def has_rows(data: Any) -> bool:
    """Whether samples can be read as rows."""
    return isinstance(data, RealSamples) and isinstance(data, SampledData) and hasattr(data, "split")


def rows_of(data: Any, name: str, most: int) -> Part:
    """Up to ``most`` samples of a split as normalised rows, shuffled: x float64, or float32 if there are many numbers.

    Images are normalised by channel as for a network, and reduced to 32 pixels a side if they are larger.
    """
    total = len(data.split(name))
    most = min(most, total, max(1, _MOST_NUMBERS // max(1, torch.Size(data.input_shape or [1]).numel())))
    found = [(_flat(data, x.cpu()), y.cpu()) for x, y in data.real_samples(name, most, seed=_SEED)]
    x, y = torch.cat([each for each, _ in found]), torch.cat([each for _, each in found])
    return Part(in_precision(x), y.numpy(), total)


def in_precision(x: Tensor) -> np.ndarray:
    """float32 (N, F) as float64, or as it is if there are many numbers."""
    found: np.ndarray = x.numpy().astype(np.float64 if x.numel() <= _DOUBLE else np.float32)
    return found


def _flat(data: Any, x: Tensor) -> Tensor:
    if x.ndim == 4 and isinstance(data, NormalizedImages):
        mean, std = data.pixel_statistics()
        x = (_reduced(x) - mean.cpu()) / std.cpu()
    return x.flatten(1).float()


def _reduced(x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(x, [min(side, _SIDE) for side in x.shape[2:]]) if max(x.shape[2:]) > _SIDE else x


def pixel_facts(data: Any) -> dict[str, Any]:
    """The normalisation of images, which is no part of their content."""
    if not isinstance(data, NormalizedImages) or data.image_size is None:
        return {}
    mean, std = data.pixel_statistics()
    return {"mean": mean.flatten().tolist(), "std": std.flatten().tolist()}


def rows_of_inputs(data: Any, x: Tensor, numbers: int) -> np.ndarray:
    """Prepared inputs of a network as the rows of ``rows_of``: (B, ...) -> (B, F).

    Args:
        numbers: of the training rows together, which decide their precision.
    """
    kept = np.float64 if numbers <= _DOUBLE else np.float32
    if isinstance(data, NormalizedImages) and data.image_size is not None:
        channels = len(data.pixel_statistics()[0])
        if x.ndim == 3:  # read as a sequence of rows (B, H, C * W), or of pixels (B, H * W, C)
            height, width = height_and_width(data.image_size)
            by_row = x.shape[1] == height and x.shape[2] == channels * width
            x = x.unflatten(2, (channels, width)).transpose(1, 2) if by_row else x.transpose(1, 2)
            x = x.reshape(len(x), channels, height, width)
        x = _reduced(x)
    return x.flatten(1).float().numpy().astype(kept)
