"""Images in class folders, decoded by worker processes: a user's own data, or ImageNet in its usual layout."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch

from netyard.data.core.image_inputs import ImageReader, walk_images
from netyard.data.core.inputs import Inputs
from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split
from netyard.data.images import same_files
from netyard.data.images.decode import SUFFIXES
from netyard.data.images.folder_split import Decoding, FolderSplit
from netyard.data.images.packed import cache_of, make
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Gt, Le, Length


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFolder(DataModule):
    """``root/<class>/**/image``, or ``root/train/<class>/...`` and optional folders for validation and test.

    A split without a folder is cut from the training split. With ``num_folds`` the images of the validation folder
    are among those that are divided into folds.

    Raises:
        DataError: the folder is missing, or has fewer than two class folders; a class without images, or one that the
            training split does not have; while reading, a damaged image.
    """

    root: str
    train_folder: str = "train"
    val_folder: str | None = "val"
    test_folder: str | None = "test"
    crop_ratio: Annotated[float, Gt(0), Le(1)] = 0.875
    """Side of the central square that is evaluated, as a fraction of the shorter side."""
    crop_scale: Annotated[list[Annotated[float, Gt(0), Le(1)]], Length(2, 2)] | None = None
    """Smallest and largest area of the random crop in training, as fractions. None: the centre, as in evaluation."""
    cache: str | None = None
    """A folder for a cache file of all images, scaled down, which training writes if it is missing. None: no cache."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._image_paths: list[Path] = []
        self._how: Decoding | None = None
        # Every file is converted to RGB, grey ones too: pretrained networks expect three channels.
        if self.channels not in (None, 3):
            raise ConfigError(
                f"data.channels is {self.channels}; images in folders are read as RGB;",
                "it must be 3;",
                "try data.channels=3.",
            )
        # Measuring them would decode the whole training split before the first step.
        if self.mean is None or self.std is None:
            raise ConfigError(
                "data.mean or data.std is null; they are not measured on image folders;",
                "each needs a number for every channel;",
                "try data.mean=[0.5,0.5,0.5] data.std=[0.25,0.25,0.25].",
            )
        low, high = self.crop_scale or (1, 1)
        if low > high:
            raise ConfigError(
                f"data.crop_scale is {self.crop_scale};",
                "it is the smallest and the largest area of the crop, in this order;",
                f"try data.crop_scale=[{high},{low}].",
            )

    def facts(self) -> dict[str, Any]:
        self.setup()
        return {"num_classes": len(self.class_names or [])}

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        # Called in every process: one writes the cache, the others wait. Not for a test alone: the cache contains all
        # splits, and writing it would decode them all.
        if stage == "fit" and self._how is not None and self._how.cache:
            make(self._how.cache, self._image_paths, self._how.num_workers)

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
        # Official splits only beside a train folder: in root/<class>, a folder called val would be a class.
        folders = {"val": self.val_folder, "test": self.test_folder}
        for part, folder in folders.items():
            if split_folders and folder and (root / folder).is_dir():
                found[part] = _scan(root / folder, names)
        # The cache holds the images of all splits in this order: a position in it is an index into this list.
        self.sources = {part: str(train_root if part == "train" else root / str(folders[part])) for part in found}
        self._image_paths = [path for paths, _ in found.values() for path in paths]
        self._how = how = self._decoding()
        splits, first = {}, 0
        for part, (paths, labels) in found.items():
            splits[part] = FolderSplit(paths, torch.tensor(labels), torch.arange(first, first + len(paths)), how)
            first += len(paths)
        self.class_names, self.num_classes = names, len(names)
        if self.num_folds is not None and "val" in splits:
            self._merge_validation(splits)
        return {**splits}

    def _merge_validation(self, splits: dict[str, FolderSplit]) -> None:
        """Move the images of the validation folder to the training split, to be divided into folds."""
        self.sources["train"] += f" and {self.sources.pop('val')}"
        # First, so that the test split is the same with and without folds.
        if "test" not in splits:
            stays, goes = self.splitter.test(splits["train"].y)
            self.sources["test"] = self.splitter.source("test")
            splits["train"], splits["test"] = splits["train"].take(stays), splits["train"].take(goes)
        splits["train"] = splits["train"].join(splits.pop("val"))

    def duplicates(self) -> tuple[dict[str, int] | None, str]:
        return same_files.between_splits(
            {name: split.paths for name, split in self._splits.items() if isinstance(split, FolderSplit)}
        )

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
            side = math.ceil(size / self.crop_ratio)  # evaluation then crops ``size`` pixels (almost) without resizing
            cache = cache_of(self._image_paths, side, Path(self.cache).expanduser())
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
    """The image files of a split, class by class, and the number of each one's class."""
    # A misspelt class folder of the test split would otherwise be ignored in silence.
    unknown = sorted(set(_subfolders(folder)) - set(names))
    if unknown:
        raise DataError(
            f"{folder} has a class folder {unknown[0]!r} that the training split does not have;",
            f"classes are {', '.join(names[:8])}{', ...' if len(names) > 8 else ''};",
            "rename or delete it.",
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = list(walk_images(folder / name))
        if not found:
            raise DataError(
                f"class folder {folder / name} contains no image;",
                f"every class needs some, with a suffix of {' '.join(sorted(SUFFIXES))};",
                "add images, or delete it in every split.",
            )
        paths += found
        labels += [label] * len(found)
    return paths, labels


def _num_workers(wanted: int | None) -> int:
    """The number of workers; for None the number of CPUs that this process may use, at most eight."""
    if wanted is not None:
        return wanted
    # In a container or a batch job a process may use fewer CPUs than the machine has.
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
    # Sorted, so that the number of a class is the same on every machine.
    names = _subfolders(folder)
    if len(names) < 2:
        raise DataError(
            f"{folder} has {len(names)} class folder(s){': ' + names[0] if names else ''};",
            "a classification needs at least two, each with the images of one class;",
            "sort the images into class folders, or choose another folder with data.root=FOLDER.",
        )
    return names
