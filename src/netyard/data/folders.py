"""Pictures in class folders, decoded by worker processes: a user's own, or ImageNet as it is laid out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.data.inputs import Framing, Inputs, pictures, walk_pictures
from netyard.data.keys import uniform
from netyard.data.loaders import Batch, Order, WorkerLoader
from netyard.data.module import DataModule
from netyard.data.pictures import NUM_DRAWS, SUFFIXES, BoxChooser, CentreBox, RandomBox, read_square
from netyard.data.tensors import Split
from netyard.errors import ConfigError, DataError


@dataclass
class Decoding:
    """How a file becomes a square of bytes."""

    size: int
    crop_ratio: float
    crop_scale: tuple[float, float] | None
    mirror: bool
    num_workers: int
    seed: int


@dataclass
class FolderSplit:
    """Files and their classes, int64 (N,)."""

    paths: list[Path]
    y: Tensor
    decoding: Decoding

    def __len__(self) -> int:
        return len(self.paths)

    def join(self, other: FolderSplit) -> FolderSplit:
        return FolderSplit(self.paths + other.paths, torch.cat([self.y, other.y]), self.decoding)

    def take(self, index: Tensor) -> FolderSplit:
        return FolderSplit([self.paths[i] for i in index.tolist()], self.y[index], self.decoding)

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
        return {"files": files, "y": self.y, "size": self.decoding.size, "crop_ratio": self.decoding.crop_ratio}

    @property
    def identity(self) -> dict[str, Any]:
        return {"files": [[*path.parts[-2:], path.stat().st_size] for path in self.paths], "y": self.y}

    def loader(self, order: Order, training: bool) -> WorkerLoader:
        files = PictureFiles(self.paths, self.y, self.decoding, training)
        return WorkerLoader(files, order, self.decoding.num_workers, self.decoding.seed)


class PictureFiles:
    """What a worker sees: a list of ``(index, key)`` -> uint8 (B, 3, S, S), int64 (B,), the keys.

    Training crops and mirrors by the key; evaluation takes the centre. A bad file is returned as its
    DataError: an exception would reach the main process as a page of the worker's traceback.
    """

    def __init__(self, paths: list[Path], y: Tensor, decoding: Decoding, training: bool) -> None:
        # One array of text instead of a million objects, whose reference counts each worker would write to.
        self.paths = np.array([str(path) for path in paths])
        self.y, self.decoding = y, decoding
        self.cropping = training and decoding.crop_scale is not None

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
        picture = read_square(Path(str(self.paths[index])), how.size, box)
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
    crop_ratio: float = 0.875
    """Side of the central square in evaluation, as a fraction of the shorter side."""
    crop_scale: list[float] | None = None
    """Smallest and largest area of the random crop in training. None: the centre, as in evaluation."""

    def __post_init__(self) -> None:
        super().__post_init__()
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
        splits = {"train": self._scan(train_root, names)}
        for part, folder in (("val", self.val_folder), ("test", self.test_folder)):
            if split_folders and folder and (root / folder).is_dir():
                splits[part] = self._scan(root / folder, names)
        self.class_names, self.num_classes = names, len(names)
        if self.num_folds is not None and "val" in splits:
            self._release(splits)
        return {**splits}

    def _release(self, splits: dict[str, FolderSplit]) -> None:
        """Give the validation folder's pictures to training, to be cut into folds; never to the test part."""
        if "test" not in splits:
            stays, goes = self._cut_test(splits["train"].y)
            splits["train"], splits["test"] = splits["train"].take(stays), splits["train"].take(goes)
        splits["train"] = splits["train"].join(splits.pop("val"))

    def test_inputs(self) -> Inputs:
        split = self.split("test")
        assert isinstance(split, FolderSplit)
        return pictures(split.paths, len(split), self._framing(split.decoding.size), self._eval_size(), split.y)

    def _framing(self, size: int) -> Framing:
        return Framing(size, 3, crop_ratio=self.crop_ratio)

    def _scan(self, folder: Path, names: list[str]) -> FolderSplit:
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
            found = list(walk_pictures(folder / name))
            if not found:
                raise DataError(
                    f"class folder {folder / name} holds no picture;",
                    f"every class needs some, with a suffix of {' '.join(sorted(SUFFIXES))};",
                    "fill it, or delete it in every part.",
                )
            paths += found
            labels += [label] * len(found)
        how = Decoding(
            self.image_size or 224,
            self.crop_ratio,
            (self.crop_scale[0], self.crop_scale[1]) if self.crop_scale else None,
            self.mirror_invariant,
            _num_workers(self.num_workers),
            self.seed,
        )
        return FolderSplit(paths, torch.tensor(labels), how)


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
