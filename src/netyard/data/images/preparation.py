"""From an image file to the pixels of a sample: the one way of validation, test, evaluate, predict and exports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from netyard.data.images.decode import REDUCING_GAP, BoxChooser, CentreBox, Interpolation, Size, crop, read_crop
from netyard.data.images.depth import Range


@dataclass(frozen=True)
class Preparation:
    """What becomes of an image file before its pixels are normalised; saved with a run, and described in exports."""

    size: Size
    """Height and width."""
    channels: int
    max_value: float = 255
    """White in the stored images."""
    crop_ratio: float = 1.0
    """Sides of the central box that is read, as a fraction of the largest box of the shape of ``size``."""
    cache_side: int | None = None
    """The shorter side of the images in the run's cache, see ``read_crop``; None: there is no cache."""
    value_range: Range | None = None
    """See ``read_crop``."""
    interpolation: Interpolation = "bilinear"

    def read(self, path: Path, box: BoxChooser | None = None, small: Image.Image | None = None) -> np.ndarray:
        """The pixels of a file: uint8 (channels, *size), from 0 to ``max_value``.

        Args:
            path: the file.
            box: chooses what is cropped; None: the central box, as in evaluation.
            small: the image of the file in a cache of this ``cache_side``, which is the result of ``read_small``.

        Raises:
            DataError: see ``read_crop``.
        """
        box = box or CentreBox(self.crop_ratio, self.size)
        if small is not None:
            image = crop(small, self.size, box, self.interpolation)
        else:
            image = read_crop(path, self.size, box, self.cache_side, self.value_range, self.interpolation)
        # Pillow's "L" weighs the colours by their luminance (ITU-R 601).
        if self.channels == 1:
            image = np.asarray(Image.fromarray(image).convert("L"))[:, :, None]
        if self.max_value != 255:
            # Files have 8 bits per channel; scikit-learn's digits, for example, are stored from 0 to 16.
            image = np.rint(image * (self.max_value / 255)).astype(np.uint8)
        return image.transpose(2, 0, 1)

    def describe(self) -> dict[str, Any]:
        """The steps in their order, in plain types; ``docs/deploying.md`` has them as a program."""
        square = {"square": "centre", "of_shorter_side": self.crop_ratio} if self.size[0] == self.size[1] else {}
        return {
            "orientation": "upright, by EXIF",
            "transparency": "over white",
            "depth": {"bits": 8, "range": list(self.value_range) if self.value_range else None},
            "jpeg": "decoded at 1/2, 1/4 or 1/8 of its size where that is enough (Image.draft of Pillow)",
            "first_resize": self.cache_side
            and {"shorter_side": self.cache_side, "filter": "bicubic", "enlarge": False},
            # ``of_largest``: of the largest box of the shape of ``size``, which for a square is its shorter side.
            "crop": {**square, "of_largest": self.crop_ratio},
            "size": list(self.size),
            "filter": self.interpolation,
            "antialias": True,
            "reducing_gap": REDUCING_GAP,
            "colours": "L" if self.channels == 1 else "RGB",
            "white": self.max_value,
            "layout": "NCHW",
            "dtype": "float32",
        }
