"""A folder of images as data, with or without a cache, and the batches of its loaders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from netyard.data.core.module import DataModule
from support.datasets import build


def write_photos(folder: Path) -> Path:
    """Write three classes of eight JPEGs, in portrait and landscape format, larger than the image size."""
    rng = np.random.default_rng(0)
    for name in ("ape", "bee", "cat"):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            coarse = rng.integers(0, 256, (6, 8, 3) if number % 2 else (8, 5, 3), dtype=np.uint8)
            shape = (160, 120) if number % 2 else (100, 160)
            picture = Image.fromarray(coarse).resize(shape, Image.Resampling.BICUBIC)
            picture.save(folder / name / f"{number}.jpg", quality=95)
    return folder


def folder(root: Path, cache: Path | None, **changes: Any) -> DataModule:
    given = {"root": str(root), "image_size": 32, "batch_size": 5, "num_workers": 0, **changes}
    return build("image_folder", cache=cache and str(cache), **given)


def fitting(*args: Any, **changes: Any) -> DataModule:
    data = folder(*args, **changes)
    data.setup("fit")
    return data


def batches(data: DataModule, passes: int = 2) -> list[tuple[Tensor, ...]]:
    """Return the batches of training and evaluation."""
    loader = data.train_dataloader()
    found = [batch for _ in range(passes) for batch in loader]
    for part in ("val", "test"):
        found += list(getattr(data, f"{part}_dataloader")())
    return found


def equal(one: DataModule, other: DataModule) -> bool:
    pairs = zip(batches(one), batches(other), strict=True)
    return all(torch.equal(a, b) for left, right in pairs for a, b in zip(left, right, strict=True))


def files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))
