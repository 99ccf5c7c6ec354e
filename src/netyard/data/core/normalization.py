"""Normalization: between stored samples, samples in the user's units, and the inputs of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from netyard.data.tables.columns import Column

AsSequence: TypeAlias = Literal["rows", "pixels"] | None


@dataclass(frozen=True, eq=False)
class ImageNormalization:
    """Images, stored as integers from 0 to ``max_value``; the user's units are pixels in [0, 1].

    A network's inputs have mean 0 and standard deviation 1 in each channel of the training split. They are images
    (B, C, H, W), or sequences: see ``to_sequence``.
    """

    mean: Tensor
    """Of pixels in [0, 1]: float32 (C, 1, 1), as the three below."""
    std: Tensor
    scale: Tensor
    shift: Tensor
    """``stored * scale + shift`` is ``(stored / max_value - mean) / std`` in two operations instead of three."""
    max_value: float
    height: int
    """Of the images."""
    as_sequence: AsSequence

    @classmethod
    def of(
        cls,
        mean: Tensor,
        std: Tensor,
        max_value: float,
        height: int,
        as_sequence: AsSequence,
    ) -> ImageNormalization:
        """From the mean and std (C, 1, 1) of pixels in [0, 1]."""
        return cls(mean, std, 1 / (std * max_value), -mean / std, max_value, height, as_sequence)

    def to(self, device: torch.device) -> ImageNormalization:
        """The same, computed on a device."""
        # Scale and shift are copied, not computed again: they have the same bits on every device.
        moved = {name: getattr(self, name).to(device) for name in ("mean", "std", "scale", "shift")}
        return replace(self, **moved)

    def pixels(self, stored: Tensor) -> Tensor:
        """Stored images (B, C, H, W) -> float32 in [0, 1]."""
        return stored.float().div_(self.max_value)

    def prepare(self, stored: Tensor) -> Tensor:
        """Stored images (B, C, H, W) -> inputs of a network."""
        # In place on the copy that float() makes: one temporary tensor instead of three.
        return to_sequence(stored.float().mul_(self.scale).add_(self.shift), self.as_sequence)

    def normalize(self, pixels: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] -> inputs of a network."""
        return to_sequence(pixels.sub(self.mean).div_(self.std), self.as_sequence)

    def denormalize(self, x: Tensor) -> Tensor:
        """Inputs of a network -> images (B, C, H, W) in [0, 1]."""
        if self.as_sequence == "rows":
            x = x.unflatten(2, (len(self.mean), -1)).transpose(1, 2)  # (B, H, C * W) -> (B, C, H, W)
        elif self.as_sequence == "pixels":
            x = x.transpose(1, 2).unflatten(2, (self.height, -1))  # (B, H * W, C) -> (B, C, H, W)
        # An output of a network may lie outside of what a pixel can be.
        return (x * self.std + self.mean).clamp(0, 1)


@dataclass(frozen=True, eq=False)
class RowNormalization:
    """Rows of a table, float32 (B, num_features); the user's units are those of each column."""

    mean: Tensor
    std: Tensor
    """Of each feature in the training split: float32 (num_features,); 0 and 1 of a one-hot feature."""

    @classmethod
    def of(cls, columns: Sequence[Column]) -> RowNormalization:
        """From the columns, each of which is one feature or several."""
        moments = [each for column in columns for each in column.moments]
        return cls(torch.tensor([mean for mean, _ in moments]), torch.tensor([std for _, std in moments]))

    def to(self, device: torch.device) -> RowNormalization:
        """The same, computed on a device."""
        return RowNormalization(self.mean.to(device), self.std.to(device))

    def normalize(self, rows: Tensor) -> Tensor:
        """Rows in the user's units -> inputs of a network."""
        return (rows - self.mean) / self.std

    def denormalize(self, x: Tensor) -> Tensor:
        """Inputs of a network -> rows in the user's units."""
        return x * self.std + self.mean


def to_sequence(x: Tensor, as_sequence: AsSequence) -> Tensor:
    """Images (B, C, H, W) as sequences of their rows or pixels, for networks that read sequences; None: unchanged."""
    if as_sequence == "rows":
        return x.transpose(1, 2).flatten(2)  # (B, H, C * W)
    if as_sequence == "pixels":
        return x.flatten(2).transpose(1, 2)  # (B, H * W, C)
    return x
