"""Synthetic images of any size and number of classes: for speed measurements and tests, not for scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch

from netyard.data.core.keys import CONTENT, integers, sample_keys, uniform
from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit
from netyard.errors import ConfigError
from netyard.ranges.bounds import Ge
from netyard.ranges.image_size import height_and_width

_NOISE_OFFSETS = 2**16


@dataclass(kw_only=True, eq=False, repr=False)
class FakeImages(DataModule):
    """Each class is a coarse random pattern, each sample its class's pattern plus noise, which a network can learn.

    Image and label depend on the index alone, not on ``size`` or a seed.

    Raises:
        ConfigError: the number of classes or channels or the image size is missing.
    """

    size: Annotated[int, Ge(3)] = 1024
    """Number of images, before the test and validation splits are cut."""

    def read(self) -> dict[str, Split]:
        classes, channels = self.num_classes or 0, self.channels or 0
        height, width = height_and_width(self.image_size or 0)
        if min(classes, channels, height, width) < 1:
            raise ConfigError(
                f"there are {classes} classes, {channels} channels and images of {width} x {height} pixels;",
                "each must be at least 1;",
                "try data.num_classes=10 data.channels=3 data.image_size=32.",
            )
        self.sources["train"] = "computed from the index of each image"
        index = torch.arange(self.size)
        y = integers(sample_keys(0, 0, index, CONTENT), 0, classes)

        cells = torch.arange(channels * 16)
        # 4 x 4 fields, dark or light: coarse enough to survive any image size, and different for (nearly) all classes.
        pattern = uniform(sample_keys(1, 0, torch.arange(classes), CONTENT)[:, None], cells)
        pattern = (pattern > 0.5).to(torch.uint8).mul_(127).view(classes, channels, 4, 4)
        rows, columns = (torch.arange(side) * 4 // side for side in (height, width))  # the field of each pixel

        # Each sample's noise is a window of one long random stream at an offset of its own: hashing every pixel would
        # take most of the time. Noise (0 to 128) plus pattern (0 or 127) fits into a byte.
        pixels = channels * height * width
        stream = integers(sample_keys(2, 0, torch.arange(pixels + _NOISE_OFFSETS), CONTENT), 0, 129).to(torch.uint8)
        noise = stream.unfold(0, pixels, 1)[integers(sample_keys(0, 0, index, CONTENT), 1, _NOISE_OFFSETS)]
        x = noise.view(self.size, channels, height, width).add_(pattern[y][:, :, rows[:, None], columns])
        self.class_names = [f"pattern {number}" for number in range(classes)]
        return {"train": TensorSplit(x, y)}
