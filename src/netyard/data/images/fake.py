"""Pictures made up on the spot, of any size and number of classes: for speed and tests, not for scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch

from netyard.data.core.keys import CONTENT, integers, sample_keys, uniform
from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit
from netyard.errors import ConfigError
from netyard.ranges.bounds import Ge

_NOISE_OFFSETS = 2**16


@dataclass(kw_only=True, eq=False, repr=False)
class FakeImages(DataModule):
    """A class is a coarse random pattern, a sample that pattern under noise: it can be learned.

    Picture and label are functions of the index alone, whatever ``size`` and the seeds are.

    Raises:
        ConfigError: ``size`` or a fact is below what makes sense.
    """

    size: Annotated[int, Ge(3)] = 1024
    """Pictures in all, before test and validation are cut."""

    def read(self) -> dict[str, Split]:
        classes, channels, side = self.num_classes or 0, self.channels or 0, self.image_size or 0
        if min(classes, channels, side) < 1 or self.size < 3:
            raise ConfigError(
                f"there are {classes} classes, {channels} channels, side {side}, {self.size} pictures;",
                "all must be at least 1, and the pictures 3;",
                "try data.num_classes=10 data.channels=3 data.image_size=32 data.size=1024.",
            )
        index = torch.arange(self.size)
        y = integers(sample_keys(0, 0, index, CONTENT), 0, classes)

        cells = torch.arange(channels * 16)
        pattern = uniform(sample_keys(1, 0, torch.arange(classes), CONTENT)[:, None], cells)
        pattern = (pattern > 0.5).to(torch.uint8).mul_(127).view(classes, channels, 4, 4)  # dark and light fields
        field = torch.arange(side) * 4 // side

        # Each sample's noise is a window of one long stream at an offset of its own: a copy, not a hash of
        # each pixel.
        pixels = channels * side * side
        stream = integers(sample_keys(2, 0, torch.arange(pixels + _NOISE_OFFSETS), CONTENT), 0, 129).to(torch.uint8)
        noise = stream.unfold(0, pixels, 1)[integers(sample_keys(0, 0, index, CONTENT), 1, _NOISE_OFFSETS)]
        x = noise.view(self.size, channels, side, side).add_(pattern[y][:, :, field[:, None], field])
        self.class_names = [f"pattern {number}" for number in range(classes)]
        return {"train": TensorSplit(x, y)}
