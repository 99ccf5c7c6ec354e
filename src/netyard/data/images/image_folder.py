"""Pictures in class folders, decoded by worker processes: a user's own, or ImageNet as it is laid out."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.image_inputs import ImageReader, walk_images
from netyard.data.core.inputs import Inputs
from netyard.data.core.keys import uniform
from netyard.data.core.loaders import Batch, WorkerLoader
from netyard.data.core.module import DataModule
from netyard.data.core.orders import Order
from netyard.data.core.tensors import Split
from netyard.data.images.decode import NUM_DRAWS, SUFFIXES, BoxChooser, CentreBox, RandomBox, read_square, square
from netyard.data.images.packed import Cache, cache_of, make, opened
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Gt, Le, Length


@dataclass
class Decoding:
    """How a file becomes a square of bytes."""

    size: int
    crop_ratio: float
    crop_scale: tuple[float, float] | None
    mirror: bool
    num_workers: int
    seed: int
    cache: Cache | None

    @property
    def side(self) -> int | None:
        return self.cache.side if self.cache else None


@dataclass
class FolderSplit:
    """Files, their classes and their places in the cache of all parts, both int64 (N,)."""

    paths: list[Path]
    y: Tensor
    places: Tensor
    decoding: Decoding

    def __len__(self) -> int:
        return len(self.paths)

    def join(self, other: FolderSplit) -> FolderSplit:
        y, places = torch.cat([self.y, other.y]), torch.cat([self.places, other.places])
        return FolderSplit(self.paths + other.paths, y, places, self.decoding)

    def take(self, index: Tensor) -> FolderSplit:
        paths = [self.paths[i] for i in index.tolist()]
        return FolderSplit(paths, self.y[index], self.places[index], self.decoding)

    def to(self, device: torch.device) -> FolderSplit:
        return self

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
        how = self.decoding
        return {"files": files, "y": self.y, "size": how.size, "crop_ratio": how.crop_ratio, "side": how.side}

    @property
    def identity(self) -> dict[str, Any]:
        return {"files": [[*path.parts[-2:], path.stat().st_size] for path in self.paths], "y": self.y}

    def loader(self, order: Order, training: bool) -> WorkerLoader:
        files = PictureFiles(self, training)
        return WorkerLoader(files, order, self.decoding.num_workers, self.decoding.seed)


class PictureFiles:
    """The dataset of the workers: a list of ``(index, key)`` -> uint8 (B, 3, S, S), int64 (B,), the keys.

    Training crops and mirrors by the key; evaluation takes the centre. A bad file is returned as its
    DataError: an exception would reach the main process as a page of the worker's traceback.
    """

    def __init__(self, split: FolderSplit, training: bool) -> None:
        # One array of text instead of a million objects, whose reference counts each worker would write to.
        self.paths = np.array([str(path) for path in split.paths])
        self.y, self.places, self.decoding = split.y, split.places, split.decoding
        self.cropping = training and self.decoding.crop_scale is not None
        self.packed = opened(self.decoding.cache.path) if self.decoding.cache else None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, pairs: list[tuple[int, int]]) -> Batch | DataError:
        index, key = torch.tensor(pairs).unbind(dim=1)
        draws = uniform(key[:, None], torch.arange(NUM_DRAWS)).tolist() if self.cropping else [[]] * len(pairs)
        try:
            pictures = [self._read(i, drawn) for i, drawn in zip(index.tolist(), draws, strict=True)]
        except DataError as error:
            return error
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        return x, self.y[index], key

    def _read(self, index: int, draws: list[float]) -> np.ndarray:
        how = self.decoding
        box: BoxChooser = CentreBox(how.crop_ratio)
        if self.cropping and how.crop_scale is not None:
            box = RandomBox(how.crop_scale, draws[1:])
        if self.packed is not None:
            picture = square(self.packed.read(int(self.places[index])), how.size, box)
        else:  # the same, where a cache is to be, and none was made
            picture = read_square(Path(str(self.paths[index])), how.size, box, how.side)
        return picture[:, ::-1] if self.cropping and how.mirror and draws[0] < 0.5 else picture


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFolder(DataModule):
    """``root/<class>/**/picture`` or ``root/train/<class>/...`` with validation and test folders beside it.

    A part without a folder of its own is cut from the training part. For ``num_folds`` the pictures of the validation
    folder are among those that are cut into folds.

    Raises:
        DataError: no such folder, no class folders or only one, a class without pictures, a class that
            training does not know; while reading, a damaged picture.
    """

    root: str
    train_folder: str = "train"
    val_folder: str | None = "val"
    test_folder: str | None = "test"
    crop_ratio: Annotated[float, Gt(0), Le(1)] = 0.875
    """Side of the central square in evaluation, as a fraction of the shorter side."""
    crop_scale: Annotated[list[Annotated[float, Gt(0), Le(1)]], Length(2, 2)] | None = None
    """Smallest and largest area of the random crop in training. None: the centre, as in evaluation."""
    cache: str | None = None
    """A folder for a file of all pictures, small; training makes it where it is not there. None: none is made."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pictures: list[Path] = []
        self._how: Decoding | None = None
        if self.channels not in (None, 3):
            raise ConfigError(
                f"data.channels is {self.channels}; pictures in folders are read in colour;",
                "it must be 3;",
                "try data.channels=3.",
            )
        if self.mean is None or self.std is None:
            raise ConfigError(
                "data.mean or data.std is null; they are not measured over folders;",
                "each has a number for every channel;",
                "try data.mean=[0.5,0.5,0.5] data.std=[0.25,0.25,0.25].",
            )
        low, high = self.crop_scale or (1, 1)
        if not (0 < low <= high <= 1 and 0 < self.crop_ratio <= 1):
            raise ConfigError(
                f"data.crop_scale is {self.crop_scale} and data.crop_ratio {self.crop_ratio};",
                "they are fractions of the area and of the side, above 0 and up to 1, the smaller first;",
                "try data.crop_scale=[0.08,1.0] data.crop_ratio=0.875.",
            )

    def facts(self) -> dict[str, Any]:
        self.setup()
        return {"num_classes": len(self.class_names or [])}

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        # Every process calls it, and all but one wait. A test alone does not create it, for that would read all parts.
        if stage == "fit" and self._how is not None and self._how.cache:
            make(self._how.cache, self._pictures, self._how.num_workers)

    def read(self) -> dict[str, Split]:
        root = Path(self.root).expanduser()
        _check_folder(root)
        train_root = root / self.train_folder
        split_folders = train_root.is_dir()
        train_root = train_root if split_folders else root
        names = _class_names(train_root)
        if self.num_classes is not None and self.num_classes != len(names):
            raise DataError(
                f"{train_root} has {len(names)} class folders, data.num_classes is {self.num_classes};",
                "each class has one folder;",
                f"try data.num_classes={len(names)}.",
            )
        found = {"train": _scan(train_root, names)}
        for part, folder in (("val", self.val_folder), ("test", self.test_folder)):
            if split_folders and folder and (root / folder).is_dir():
                found[part] = _scan(root / folder, names)
        self._pictures = [path for paths, _ in found.values() for path in paths]
        self._how = how = self._decoding()
        splits, first = {}, 0
        for part, (paths, labels) in found.items():
            splits[part] = FolderSplit(paths, torch.tensor(labels), torch.arange(first, first + len(paths)), how)
            first += len(paths)
        self.class_names, self.num_classes = names, len(names)
        if self.num_folds is not None and "val" in splits:
            self._release(splits)
        return {**splits}

    def _release(self, splits: dict[str, FolderSplit]) -> None:
        """Give the validation folder's pictures to training, to be cut into folds; never to the test part."""
        if "test" not in splits:
            stays, goes = self.splitter.test(splits["train"].y)
            splits["train"], splits["test"] = splits["train"].take(stays), splits["train"].take(goes)
        splits["train"] = splits["train"].join(splits.pop("val"))

    def test_inputs(self) -> Inputs:
        split = self.split("test")
        assert isinstance(split, FolderSplit)
        reader = replace(self.image_reader(split.decoding.size), cache_side=split.decoding.side)
        return reader.inputs(split.paths, len(split), self.evaluation_batch_size(), split.y)

    def image_reader(self, size: int) -> ImageReader:
        return ImageReader(size, 3, crop_ratio=self.crop_ratio)

    def _decoding(self) -> Decoding:
        size = self.image_size or 224
        cache = None
        if self.cache is not None:
            side = math.ceil(size / self.crop_ratio)  # of which evaluation cuts ``size``
            cache = cache_of(self._pictures, side, Path(self.cache).expanduser())
        return Decoding(
            size,
            self.crop_ratio,
            (self.crop_scale[0], self.crop_scale[1]) if self.crop_scale else None,
            self.mirror_invariant,
            _num_workers(self.num_workers),
            self.seed,
            cache,
        )


def _scan(folder: Path, names: list[str]) -> tuple[list[Path], list[int]]:
    """The pictures of a part, class by class, and the number of the class of each."""
    unknown = sorted(set(_subfolders(folder)) - set(names))
    if unknown:
        raise DataError(
            f"{folder} has a class folder {unknown[0]!r} that the training part has not;",
            f"classes are {', '.join(names[:8])}{', ...' if len(names) > 8 else ''};",
            "rename or delete it.",
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = list(walk_images(folder / name))
        if not found:
            raise DataError(
                f"class folder {folder / name} holds no picture;",
                f"every class needs some, with a suffix of {' '.join(sorted(SUFFIXES))};",
                "fill it, or delete it in every part.",
            )
        paths += found
        labels += [label] * len(found)
    return paths, labels


def _num_workers(wanted: int | None) -> int:
    """None: the processors this process may use, at most eight."""
    if wanted is not None:
        return wanted
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)


def _check_folder(root: Path) -> None:
    if not root.is_dir():
        raise DataError(
            f"{root} is {'a file' if root.is_file() else 'not there'};",
            "data.root is a folder with a folder for each class, or with train/, val/ and test/;",
            "try data.root=FOLDER.",
        )


def _subfolders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))


def _class_names(folder: Path) -> list[str]:
    names = _subfolders(folder)
    if len(names) < 2:
        raise DataError(
            f"{folder} has {len(names)} class folder(s){': ' + names[0] if names else ''};",
            "a classification needs at least two, each with the pictures of one class;",
            "sort the pictures into folders, or name another with data.root=FOLDER.",
        )
    return names
