"""Images in class folders, or listed in a CSV file, or without classes: a user's own data, or ImageNet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from netyard.data.core.normal_classes import normal_names
from netyard.data.core.tensors import Split
from netyard.data.images.class_folders import Found, find_trained, find_untrained, scanned
from netyard.data.images.files import reason, subfolders
from netyard.data.images.folder_split import FolderSplit
from netyard.data.images.grouping import compiled, groups_of, require_whole_groups
from netyard.data.images.image_file_data import ImageFileData
from netyard.data.images.label_file_data import targets_of
from netyard.data.images.layout import find_tested
from netyard.data.images.listing import Listing
from netyard.errors import DataError


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFolder(ImageFileData):
    """``root/<class>/**/image``, or ``root/train/<class>/...`` and optional folders for validation and test.

    See ``find_layout`` for the names of these folders, and for folders that wrap the data.

    A split without a folder is cut from the training split. With ``num_folds`` the images of the validation folder
    are among those that are divided into folds.

    With ``labels`` a CSV file says what the images show, and class folders mean nothing; see ``label_file``. For tasks
    that need no classes the images may be in one folder, or in any folders; targets are then zeros, float32 (N, 1).

    Raises:
        DataError: the folder is missing, or has fewer than two class folders, and needs them; a class without images,
            or one that the training split does not have; while reading, a damaged image.
    """

    GIVEN = ("root", "images")

    train_folder: str | None = "train"
    """``train`` also means Train, training, train_set, ...; another name only itself. None: every folder is a class."""
    val_folder: str | None = "val"
    """As above; None: the data have no validation folder."""
    test_folder: str | None = "test"
    class_folders: bool | None = True
    """Whether sub-folders are classes. None: if there are at least two, and no images beside them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._undecided = self.class_folders is None
        compiled(self.group or "")  # refuses a wrong expression now

    def facts(self) -> dict[str, Any]:
        found = super().facts()
        if self.labels is None:
            found["num_classes"] = self.num_classes
            if self._undecided:
                found["class_folders"] = self.class_folders
        return found

    def read(self) -> dict[str, Split]:
        if self.labels is not None:
            return self._read_labelled()
        others: Counter[str] = Counter()
        found, listings = self._tested(others) if self.tests_all else self._trained(others)
        layout, names = found.layout, found.names
        fixed = not self.tests_all and not (self._restored and self.normal is not None)
        if fixed and names is not None and self.num_classes not in (None, len(names)):
            raise DataError(
                f"{layout.splits['train']} has {len(names)} class folders, data.num_classes is {self.num_classes};",
                "each class has one folder;",
                f"try data.num_classes={len(names)}.",
            )
        self.sources = {part: str(place) for part, place in layout.splits.items()}
        for what, count, why in layout.left_out:
            self.leave_out(what, count, why)
        for suffix, count in sorted(others.items()):
            self.leave_out(f"files {suffix}" if suffix else "files", count, reason(suffix))
        listings = self.inspected(listings)
        if not self.tests_all:  # once more: damaged images may have been all of a class
            found.require_images(listings, self.separate, normal_names(self.normal))
        # The cache holds the images of all splits in this order: a position in it is an index into this list.
        self._image_paths = [path for listing in listings.values() for path in listing.paths]
        self._how = how = self._decoding()
        splits, first = {}, 0
        for part, listing in listings.items():
            places = torch.arange(first, first + len(listing.paths))
            within = None if part in found.unlabelled else names
            grouped = self.group is not None and not self.tests_all
            groups = groups_of(listing, layout.splits[part], within, str(self.group)) if grouped else None
            # As of a table without a target.
            y = torch.tensor(listing.labels) if names is not None else torch.zeros(len(listing.labels), 1)
            splits[part] = FolderSplit(listing.paths, y, places, how, groups)
            first += len(places)
        if self.tests_all:
            return self.everything(*_joined(splits, self.sources))
        self.class_names, self.num_classes = names, None if names is None else len(names)
        self.class_folders = names is not None and not found.unlabelled
        require_whole_groups({part: split.groups for part, split in splits.items() if split.groups is not None})
        if self.num_folds is not None and "val" in splits:
            self._merge_validation(splits)
        return {**splits}

    def _wanted(self) -> dict[str, str | None]:
        return {"train": self.train_folder, "val": self.val_folder, "test": self.test_folder}

    def _trained(self, others: Counter[str]) -> tuple[Found, dict[str, Listing]]:
        """The folder of each split with its images, and the names of the classes."""
        root, normal = Path(self.root).expanduser(), normal_names(self.normal)
        arguments = root, self._wanted(), self.separate, normal
        try:
            found = find_trained(*arguments, self.class_folders, self.class_names or ())
            listings = scanned(found, self.separate, normal, others)
        except DataError as error:
            # Folders that do not fit together as classes are none, for a task that needs none.
            if self.class_folders is not None or normal or not root.is_dir():
                raise
            others.clear()
            found = find_trained(*arguments, class_folders=False)
            listings = scanned(found, self.separate, normal, others)
            found.remarks.append(f"folders are not taken as classes: {str(error).partition(';')[0]}")
        self._chosen += found.remarks
        return found, listings

    def _tested(self, others: Counter[str]) -> tuple[Found, dict[str, Listing]]:
        """The folders of which all images are tested, and the names of the class folders in the order of the classes.

        If other class folders are there than the run knows, they are the classes; with normal classes they are more.
        """
        root = Path(self.root).expanduser()
        if self.class_folders is False and self.normal is None:
            found = find_untrained(root, self._wanted())
            return found, {part: found.scan(part, others) for part in found.layout.splits}
        layout = find_tested(root, self._wanted())
        folders = sorted({name for place in layout.splits.values() for name in subfolders(place)})
        # "0 - zero" is a name that torchvision gives the class of a folder "0".
        short = {name.partition(" - ")[0]: name for name in self.class_names or []}
        if set(folders) <= {*short, *short.values()}:
            found = Found(layout, [name if name in folders else number for number, name in short.items()])
        else:
            known = self.class_names or [] if self.normal is not None else []
            self.class_names = [*dict.fromkeys([*known, *folders])]
            self.num_classes = len(self.class_names)
            found = Found(layout, self.class_names)
        return found, {part: found.scan(part, others) for part in layout.splits}

    def _read_labelled(self) -> dict[str, Split]:
        """The images that files of labels name."""
        files = self.read_labels(self._restored)
        listings = self.inspected(
            {part: Listing(each.paths, [*range(len(each.paths))]) for part, each in files.items()}
        )
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


def _joined(splits: dict[str, FolderSplit], sources: dict[str, str]) -> tuple[FolderSplit, str]:
    """The images of several folders as one split, and the names of the folders."""
    first, *others = splits.values()
    for each in others:
        first = first.join(each)
    return first, " and ".join(sources.values())
