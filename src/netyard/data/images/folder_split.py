"""A split whose images are decoded from files, or read from a cache, by worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.keys import uniform
from netyard.data.core.loaders import Batch, WorkerLoader
from netyard.data.core.orders import Order
from netyard.data.images.decode import NUM_DRAWS, BoxChooser, RandomBox
from netyard.data.images.packed import Cache, opened
from netyard.data.images.preparation import Preparation
from netyard.errors import DataError
from netyard.ranges.image_size import shortest


@dataclass
class Decoding:
    """How a file is decoded into uint8 pixels."""

    preparation: Preparation
    """That of an evaluation."""
    crop_scale: tuple[float, float] | None
    mirror: bool
    num_workers: int
    seed: int
    cache: Cache | None = None


@dataclass
class FolderSplit:
    """Image files, their classes, and their positions in the cache of all splits; both int64 (N,)."""

    paths: list[Path]
    y: Tensor
    places: Tensor
    decoding: Decoding
    groups: list[str] | None = None
    """The group of each file; samples of a group are in one split."""

    def __len__(self) -> int:
        return len(self.paths)

    def join(self, other: FolderSplit) -> FolderSplit:
        y, places = torch.cat([self.y, other.y]), torch.cat([self.places, other.places])
        groups = None if self.groups is None or other.groups is None else self.groups + other.groups
        return FolderSplit(self.paths + other.paths, y, places, self.decoding, groups)

    def take(self, index: Tensor) -> FolderSplit:
        paths = [self.paths[i] for i in index.tolist()]
        groups = None if self.groups is None else [self.groups[i] for i in index.tolist()]
        return FolderSplit(paths, self.y[index], self.places[index], self.decoding, groups)

    def to(self, device: torch.device) -> FolderSplit:
        return self  # decoded on the CPU; Lightning moves each batch

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def num_bytes(self) -> int:
        return 0

    @property
    def content(self) -> dict[str, Any]:
        stats = [path.stat() for path in self.paths]
        files = [[str(path), each.st_size, each.st_mtime_ns] for path, each in zip(self.paths, stats, strict=True)]
        how = self.decoding.preparation
        # Sizes and times stand for the bytes: reading all files to hash them would take minutes.
        content = {
            "files": files,
            "y": self.y,
            "size": shortest(*how.size),
            "crop_ratio": how.crop_ratio,
            "side": how.cache_side,
        }
        # Only what is not usual: results that were cached before there was a choice stay valid.
        more = {"range": list(how.value_range)} if how.value_range else {}
        return {**content, **more, **({"interpolation": how.interpolation} if how.interpolation != "bilinear" else {})}

    @property
    def identity(self) -> dict[str, Any]:
        # Class folder and file name only: the data may be at another path on the machine that resumes.
        return {"files": [[*path.parts[-2:], path.stat().st_size] for path in self.paths], "y": self.y}

    def loader(self, order: Order, training: bool) -> WorkerLoader:
        files = ImageFiles(self, training)
        return WorkerLoader(files, order, self.decoding.num_workers, self.decoding.seed)


class ImageFiles:
    """The data set of the worker processes: a list of ``(index, key)`` -> uint8 (B, C, H, W), int64 (B,), the keys.

    Training crops and mirrors at random by the key; evaluation crops the centre. For a damaged file its DataError is
    returned: a raised exception would reach the main process as the text of the worker's traceback.
    """

    def __init__(self, split: FolderSplit, training: bool) -> None:
        # One array instead of a million str objects: reading an object changes its reference count, and so each forked
        # worker would copy the memory of all of them.
        self.paths = np.array([str(path) for path in split.paths])
        self.y, self.places, self.decoding = split.y, split.places, split.decoding
        self.cropping = training and self.decoding.crop_scale is not None
        # Opened here, before workers are forked: they share its table in memory.
        self.packed = opened(self.decoding.cache.path) if self.decoding.cache else None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, pairs: list[tuple[int, int]]) -> Batch | DataError:
        index, key = torch.tensor(pairs).unbind(dim=1)
        draws = uniform(key[:, None], torch.arange(NUM_DRAWS)).tolist() if self.cropping else [[]] * len(pairs)
        try:
            images = [self._read(i, drawn) for i, drawn in zip(index.tolist(), draws, strict=True)]
        except DataError as error:
            return error
        x = torch.from_numpy(np.stack(images)).contiguous()  # (B, C, H, W)
        return x, self.y[index], key

    def _read(self, index: int, draws: list[float]) -> np.ndarray:
        how = self.decoding
        box: BoxChooser | None = None
        if self.cropping and how.crop_scale is not None:
            box = RandomBox(how.crop_scale, draws[1:], how.preparation.size)
        # Without the file of the cache, as in a test on another machine, its images are made for the moment.
        small = self.packed.read(int(self.places[index])) if self.packed is not None else None
        image = how.preparation.read(Path(str(self.paths[index])), box, small)
        return image[:, :, ::-1] if self.cropping and how.mirror and draws[0] < 0.5 else image
