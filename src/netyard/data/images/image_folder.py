"""Images in class folders, or listed in a CSV file, decoded by worker processes: a user's own data, or ImageNet."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch

from netyard.data.core.image_inputs import ImageReader
from netyard.data.core.inputs import Inputs
from netyard.data.core.normal_classes import normal_names
from netyard.data.core.normal_samples import normal_indices
from netyard.data.core.tensors import Split
from netyard.data.images import depth, same_files
from netyard.data.images.files import reason, subfolders
from netyard.data.images.folder_split import Decoding, FolderSplit
from netyard.data.images.grouping import compiled, groups_of, require_whole_groups
from netyard.data.images.inspection import Inspection, inspect
from netyard.data.images.label_file_data import LabelFileData, targets_of
from netyard.data.images.layout import Layout, find_parts, find_tested
from netyard.data.images.listing import Listing, class_names, require_images, scan
from netyard.data.images.packed import cache_of, make
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Gt, Le, Length


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFolder(LabelFileData):
    """``root/<class>/**/image``, or ``root/train/<class>/...`` and optional folders for validation and test.

    See ``find_layout`` for the names of these folders, and for folders that wrap the data.

    A split without a folder is cut from the training split. With ``num_folds`` the images of the validation folder
    are among those that are divided into folds.

    With ``labels`` a CSV file says what the images show, and class folders mean nothing; see ``label_file``.

    Raises:
        DataError: the folder is missing, or has fewer than two class folders; a class without images, or one that the
            training split does not have; while reading, a damaged image.
    """

    GIVEN = ("root", "images")

    train_folder: str | None = "train"
    """``train`` also means Train, training, train_set, ...; another name only itself. None: every folder is a class."""
    val_folder: str | None = "val"
    """As above; None: the data have no validation folder."""
    test_folder: str | None = "test"
    crop_ratio: Annotated[float, Gt(0), Le(1)] = 0.875
    """Side of the central square that is evaluated, as a fraction of the shorter side."""
    crop_scale: Annotated[list[Annotated[float, Gt(0), Le(1)]], Length(2, 2)] | None = None
    """Smallest and largest area of the random crop in training, as fractions. None: the centre, as in evaluation."""
    range: Annotated[list[float], Length(2, 2)] | None = None
    """The values that become black and white in images of more than 8 bits per channel. None: the smallest and the
    largest value of the training images."""
    on_damaged: Literal["refuse", "skip"] = "refuse"
    """What to do about images that cannot be read: no training, or training without them."""
    cache: str | None = None
    """A folder for a cache file of all images, scaled down, which training writes if it is missing. None: no cache."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._image_paths: list[Path] = []
        self._how: Decoding | None = None
        self._inspection: Inspection | None = None
        self._value_range: depth.Range | None = None
        self._was_cached: bool | None = None  # of a run that was trained; None of older versions
        self._restored = False  # whether this is the data of a run that was trained
        # Measuring them would decode the whole training split before the first step.
        if self.mean is None or self.std is None:
            raise ConfigError(
                "data.mean or data.std is null; they are not measured on image folders;",
                "each needs a number for every channel;",
                "try data.mean=[0.5,0.5,0.5] data.std=[0.25,0.25,0.25].",
            )
        compiled(self.group or "")  # refuses a wrong expression now
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ConfigError(
                f"data.range is {self.range};",
                "it is the value that becomes black and the one that becomes white, in this order;",
                "try data.range=[0,4095].",
            )
        low, high = self.crop_scale or (1, 1)
        if low > high:
            raise ConfigError(
                f"data.crop_scale is {self.crop_scale};",
                "it is the smallest and the largest area of the crop, in this order;",
                f"try data.crop_scale=[{high},{low}].",
            )

    def _check_statistics(self) -> None:
        # Every file is converted to RGB, grey ones too: pretrained networks expect three channels.
        if self.channels not in (None, 3):
            raise ConfigError(
                f"data.channels is {self.channels}; images in folders are read as RGB;",
                "it must be 3;",
                "try data.channels=3.",
            )
        super()._check_statistics()

    def facts(self) -> dict[str, Any]:
        self.setup()
        return super().facts() or {"num_classes": len(self.class_names or [])}

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        # Called in every process: one writes the cache, the others wait. Not for a test alone: the cache contains all
        # splits, and writing it would decode them all.
        if stage == "fit" and self._how is not None and self._how.cache:
            make(self._how.cache, self._image_paths, self._how.num_workers)

    def read(self) -> dict[str, Split]:
        if self.labels is not None:
            return self._read_labelled()
        layout, names = self._tested() if self.tests_all else self._trained()
        fixed = not self.tests_all and not (self._restored and self.normal is not None)
        if fixed and self.num_classes is not None and self.num_classes != len(names):
            raise DataError(
                f"{layout.splits['train']} has {len(names)} class folders, data.num_classes is {self.num_classes};",
                "each class has one folder;",
                f"try data.num_classes={len(names)}.",
            )
        others: Counter[str] = Counter()
        found = {part: scan(place, names, others) for part, place in layout.splits.items()}
        self.sources = {part: str(place) for part, place in layout.splits.items()}
        for what, count, why in layout.left_out:
            self.leave_out(what, count, why)
        for suffix, count in sorted(others.items()):
            self.leave_out(f"files {suffix}" if suffix else "files", count, reason(suffix))
        # The data of a trained run are not looked at again: damage in its training images is no matter of a test.
        if not self._restored or self.on_damaged == "skip":
            found = self._without_damage(found)
        # A folder for testing alone need not have every class.
        trained = {part: each for part, each in found.items() if part == "train" or part not in self.separate}
        require_images({} if self.tests_all else trained, layout.splits, names, normal_names(self.normal))
        # The cache holds the images of all splits in this order: a position in it is an index into this list.
        self._image_paths = [path for listing in found.values() for path in listing.paths]
        self._how = how = self._decoding()
        splits, first = {}, 0
        for part, listing in found.items():
            places = torch.arange(first, first + len(listing.paths))
            grouped = self.group is not None and not self.tests_all
            groups = groups_of(listing, layout.splits[part], names, str(self.group)) if grouped else None
            splits[part] = FolderSplit(listing.paths, torch.tensor(listing.labels), places, how, groups)
            first += len(places)
        if self.tests_all:
            return self.everything(*_joined(splits, self.sources))
        self.class_names, self.num_classes = names, len(names)
        require_whole_groups({part: split.groups for part, split in splits.items() if split.groups is not None})
        if self.num_folds is not None and "val" in splits:
            self._merge_validation(splits)
        return {**splits}

    def _wanted(self) -> dict[str, str | None]:
        return {"train": self.train_folder, "val": self.val_folder, "test": self.test_folder}

    def _trained(self) -> tuple[Layout, list[str]]:
        """The folder of each split, and the names of the classes."""
        normal = normal_names(self.normal)
        layout = find_parts(Path(self.root).expanduser(), self._wanted(), self.separate, normal)
        return layout, class_names(layout.splits, normal, self.class_names or ())

    def _tested(self) -> tuple[Layout, list[str]]:
        """The folders of which all images are tested, and the names of the class folders in the order of the classes.

        If other class folders are there than the run knows, they are the classes; with normal classes they are more.
        """
        layout = find_tested(Path(self.root).expanduser(), self._wanted())
        folders = sorted({name for place in layout.splits.values() for name in subfolders(place)})
        # "0 - zero" is a name that torchvision gives the class of a folder "0".
        short = {name.partition(" - ")[0]: name for name in self.class_names or []}
        if set(folders) <= {*short, *short.values()}:
            return layout, [name if name in folders else number for number, name in short.items()]
        known = self.class_names or [] if self.normal is not None else []
        self.class_names = [*dict.fromkeys([*known, *folders])]
        self.num_classes = len(self.class_names)
        return layout, self.class_names

    def _read_labelled(self) -> dict[str, Split]:
        """The images that files of labels name."""
        files = self.read_labels(self._restored)
        listings = {part: Listing(each.paths, [*range(len(each.paths))]) for part, each in files.items()}
        if not self._restored or self.on_damaged == "skip":
            listings = self._without_damage(listings)
        self._image_paths = [path for listing in listings.values() for path in listing.paths]
        self._how = self._decoding()
        splits, first = {}, 0
        for part, listing in listings.items():
            y = targets_of(files[part], listing.labels)
            places = torch.arange(first, first + len(y))
            groups = self.groups_of(files[part], listing.labels)
            splits[part] = FolderSplit(listing.paths, y, places, self._how, groups)
            first += len(y)
        everything, source = splits.pop("train"), str(files["train"].source)
        if self.tests_all:
            return self.everything(everything, source)
        parts = self.parts_by_folder(listings["train"].labels, self._wanted())
        by_folder = bool(parts)
        if not by_folder:
            parts = self.cut(everything.y, source, everything.groups)
        splits |= {part: everything.take(index) for part, index in parts.items()}
        self.sources |= {part: str(files[part].source) for part in self.separate}
        require_whole_groups({part: split.groups for part, split in splits.items() if split.groups is not None})
        if self.num_folds is not None and by_folder and "val" in splits:
            self._merge_validation(splits)
        return {**splits}

    def _merge_validation(self, splits: dict[str, FolderSplit]) -> None:
        """Move the images of the validation folder to the training split, to be divided into folds."""
        self.sources["train"] += f" and {self.sources.pop('val')}"
        # First, so that the test split is the same with and without folds.
        if "test" not in splits and self.splitter.cuts("test"):
            stays, goes = self.splitter.test(splits["train"].y, splits["train"].groups)
            self.sources["test"] = self.splitter.source("test")
            splits["train"], splits["test"] = splits["train"].take(stays), splits["train"].take(goes)
        splits["train"] = splits["train"].join(splits.pop("val"))

    def count_duplicates(self) -> tuple[dict[str, int] | None, str]:
        return same_files.between_splits(
            {name: split.paths for name, split in self._splits.items() if isinstance(split, FolderSplit)}
        )

    def test_inputs(self) -> Inputs:
        split = self.split("test")
        assert isinstance(split, FolderSplit)
        reader = self.image_reader(split.decoding.preparation.size)
        return reader.inputs(split.paths, len(split), self.evaluation_batch_size(), split.y)

    def image_reader(self, size: int) -> ImageReader:
        return ImageReader(
            size,
            3,
            crop_ratio=self.crop_ratio,
            # Evaluation then crops (almost) without resizing.
            cache_side=math.ceil(size / self.crop_ratio) if self.cached else None,
            value_range=self.value_range,
            interpolation=self.interpolation or "bilinear",
        )

    @property
    def cached(self) -> bool:
        """Whether images are prepared as with a cache: that of training decides, whether its file is there or not."""
        return self.cache is not None if self._was_cached is None else self._was_cached

    # Depth: decided on the training split, the same for every image, and saved with the run

    @property
    def value_range(self) -> depth.Range | None:
        """The values that become black and white in images of more than 8 bits per channel; None: there are none."""
        return (self.range[0], self.range[1]) if self.range is not None else self._value_range

    def fit_normalization(self, splits: dict[str, Split]) -> None:
        super().fit_normalization(splits)
        train = splits["train"]
        assert isinstance(train, FolderSplit) and self._how is not None
        if self._inspection is not None and not self._restored:
            paths = train.take(normal_indices(train.y, self.class_names, self.normal)).paths
            seen = [self._inspection.files[path] for path in paths if path in self._inspection.files]
            self._value_range = self._measured([each.values for each in seen if each.values is not None])
        self._how.preparation = prepared = self.image_reader(self.image_size or 224)
        if self.cache is not None and prepared.cache_side is not None:
            folder = Path(self.cache).expanduser()
            self._how.cache = cache_of(self._image_paths, prepared.cache_side, folder, self.value_range)

    def _measured(self, values: list[depth.Range]) -> depth.Range | None:
        if not values and self.range is not None:
            raise DataError(
                f"data.range is {self.range}, and no training image has more than 8 bits per channel;",
                "the range is that of images of 9 to 32 bits or of floats;",
                "leave data.range out.",
            )
        if not values:
            return None
        low, high = min(each[0] for each in values), max(each[1] for each in values)
        return (low, high) if low < high else (low, low + 1)

    def state_dict(self) -> dict[str, Any]:
        found = self.value_range
        return {**super().state_dict(), "cached": self.cached, **({"range": list(found)} if found else {})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        # A run without a range has none, also if one was measured now: it was trained before there were ranges.
        low_high = state_dict.get("range")
        self._value_range = (low_high[0], low_high[1]) if low_high else None
        self._restored = not self._splits
        if self._how is not None:
            self._how.preparation = self.image_reader(self._how.preparation.size)
        else:
            self._was_cached = state_dict.get("cached")

    # What was seen of the files

    def summary(self) -> dict[str, Any]:
        found, seen = super().summary(), self._inspection
        described = seen.describe(self.value_range, self.range is not None) if seen else {}
        remarks = [*found.get("remarks", []), *described.get("remarks", [])]
        return {**found, **described, **({"remarks": remarks} if remarks else {})}

    def _without_damage(self, found: dict[str, Listing]) -> dict[str, Listing]:
        """Refuse or skip damaged files of all splits."""
        paths = [path for listing in found.values() for path in listing.paths]
        # Writing the cache decodes every image, too, and once for all runs.
        closely = self.cache is None or self.on_damaged == "skip"
        self._inspection = seen = inspect(paths, _num_workers(self.num_workers or None), closely)
        if seen.several:
            self.leave_out("files with several images, all but the first", seen.several, "one of each is read")
        if seen.damaged and self.on_damaged == "refuse":
            raise seen.refusal()
        if seen.damaged:
            first = str(next(iter(seen.damaged.values()))).partition(";")[0]
            self.leave_out("damaged images", len(seen.damaged), f"{first}, ..." if len(seen.damaged) > 1 else first)
        return {split: listing.without(seen.damaged) for split, listing in found.items()}

    def _decoding(self) -> Decoding:
        return Decoding(
            self.image_reader(self.image_size or 224),
            (self.crop_scale[0], self.crop_scale[1]) if self.crop_scale and self.crops else None,
            self.mirror_invariant,
            _num_workers(self.num_workers),
            self.seed,
        )


def _joined(splits: dict[str, FolderSplit], sources: dict[str, str]) -> tuple[FolderSplit, str]:
    """The images of several folders as one split, and the names of the folders."""
    first, *others = splits.values()
    for each in others:
        first = first.join(each)
    return first, " and ".join(sources.values())


def _num_workers(wanted: int | None) -> int:
    """The number of workers; for None the number of CPUs that this process may use, at most eight."""
    if wanted is not None:
        return wanted
    # In a container or a batch job a process may use fewer CPUs than the machine has.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)
