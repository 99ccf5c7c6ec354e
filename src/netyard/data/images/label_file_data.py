"""The part of image data that reads a CSV file of images and their classes, labels or numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netyard.data.core.file_keys import key_of_files
from netyard.data.core.inputs import Inputs
from netyard.data.core.module import DataModule
from netyard.data.core.normal_classes import require_anomalies
from netyard.data.images.grouping import named_groups
from netyard.data.images.label_file import LabelledFiles, LabelSettings, files_in, find_file, read_labelled_files
from netyard.data.images.layout import splits_of
from netyard.data.tables.several_targets import EmptyTarget
from netyard.data.tables.targets import TargetKind
from netyard.errors import ConfigError, DataError

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class LabelFileData(DataModule):
    """The fields that say how the file is read, and what it says of the images; see ``ImageFolder``."""

    root: str
    test_root: str | None = None
    """Another folder with class folders, all images of which are the test split; with ``labels`` that of the images of
    ``test_labels``. None: it is ``root``."""
    val_root: str | None = None
    """The same for validation."""
    labels: str | None = None
    """A CSV file of image files and the class, labels or numbers of each. None: the folders are the classes."""
    test_labels: str | None = None
    """Another such file, all images of which are the test split. None: it is cut from ``labels``."""
    val_labels: str | None = None
    """The same for validation."""
    file_column: str | None = None
    """The column of file names. None: that of names with the suffix of an image."""
    target: str | list[str] | None = None
    """The columns of the target. None: all others."""
    target_kind: TargetKind = "auto"
    """As of ``data=csv``, like the two below."""
    label_separator: str | None = None
    empty_target: EmptyTarget = "drop"
    crop_and_mirror: bool | None = None
    """Whether training crops and mirrors images at random, if ``augmentation`` does. None: unless targets are numbers,
    which may be of a place or a direction in the image."""
    group: str | None = None
    """What keeps images together in one split: a regular expression that is searched in the path below the class
    folder, or below ``root``, whose group in parentheses is the name; ``folder``, the folder of the image; or a column
    of ``labels``. None: nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._labelled: LabelledFiles | None = None
        if self.labels is not None:
            self.GIVEN = ("labels", "images")  # type: ignore[misc]
        for part in ("val", "test"):
            named, folder = getattr(self, f"{part}_labels") is not None, getattr(self, f"{part}_root") is not None
            if named and self.labels is None:
                raise ConfigError(
                    f"data.{part}_labels is given without data.labels;",
                    "with it the images of each part are named by a file;",
                    "try data.labels=FILE.",
                )
            if folder and self.labels is not None and not named:
                raise ConfigError(
                    f"data.{part}_root is given with data.labels;",
                    "then the images of each part are named by a file;",
                    f"try data.{part}_labels=FILE.",
                )

    def facts(self) -> dict[str, Any]:
        self.setup()
        return {key: getattr(self, key) for key in self._labelled.target.facts} if self._labelled else {}

    @property
    def target_correction(self) -> str:
        """What to type if the target is of the other kind; empty if it cannot be."""
        return self._labelled.target.correction if self._labelled else ""

    @property
    def crops(self) -> bool:
        """Whether training crops images at random."""
        return self._may_crop and self._moves

    @property
    def _moves(self) -> bool:
        """Whether training may crop and mirror images, by their targets."""
        return not self._has_numbers if self.crop_and_mirror is None else self.crop_and_mirror

    def files_key(self) -> str | None:
        """As of the base class; of a file of labels that file, which names the images."""
        if self.labels is not None and self._files_key is None:
            self._files_key = key_of_files(find_file(Path(self.root).expanduser(), self.labels))
        return super().files_key()

    def inputs(self, where: str) -> Inputs:
        """As of the base class, and of a CSV file with a column of image files."""
        path = Path(where).expanduser()
        if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
            return super().inputs(where)
        paths, missing = files_in(path, self.file_column, Path(self.root).expanduser())
        if not paths:
            raise DataError(
                f"none of the {len(missing):,} files that {path} names is there;",
                "files are in the folder of that file, or in data.root of the run;",
                "correct the names.",
            )
        for name in missing[:5]:
            log.warning("left out: %s names %r, which is no image there", path, name)
        if len(missing) > 5:
            log.warning("left out: %s more", f"{len(missing) - 5:,}")
        reader = self.image_reader(self.image_size or 224)
        return reader.inputs(paths, len(paths), self.evaluation_batch_size())

    def summary(self) -> dict[str, Any]:
        found = super().summary()
        if self._has_numbers and not self._moves and (self._may_crop or self._may_mirror):
            remark = "not cropped or mirrored at random, because targets are numbers (data.crop_and_mirror=true: both)"
            found["remarks"] = [*found.get("remarks", []), remark]
        return found

    def read_labels(self, trained: bool) -> dict[str, LabelledFiles]:
        """Read the files of ``labels``, as ``train``, and of the splits that have one; take over what the target is.

        Args:
            trained: whether these are the data of a run, whose classes or labels they must have.

        Raises:
            DataError: see ``read_labelled_files``; a number of classes, labels or targets was given, and is another.
            ConfigError: an augmentation mixes samples whose targets are numbers.
        """
        kind: TargetKind | None = None
        if trained:
            kind = "number" if not self.class_names else "labels" if self.num_labels else "class"
        names = {each.name for each in fields(LabelSettings)}
        settings = LabelSettings(**{name: value for name, value in vars(self).items() if name in names})
        more_classes = self.normal is not None and bool(self.separate or trained)
        settings = replace(settings, more_classes=more_classes, group=None if self.tests_all else self.group)
        read = read_labelled_files(settings, kind, self.class_names if trained else None)
        for what, count, why in read.left_out:
            self.leave_out(what, count, why)
        target = read.target
        ((key, count),) = target.facts.items()
        given = getattr(self, key)
        if given not in (None, count) and not more_classes:
            raise DataError(
                f"{self.labels} has {count} {key.removeprefix('num_')}, data.{key} is {given};",
                "it is counted;",
                f"try data.{key}={count}.",
            )
        setattr(self, key, count)
        self.class_names, self.target_names = target.class_names, target.target_names
        self._labelled = read
        self._prepare_augmentation()
        files = {"train": read}
        for part, labels in self.separate.items():
            root = getattr(self, f"{part}_root") or self.root
            columns = target.target_names if target.kind == "number" else self.target
            beside = replace(settings, root=root, labels=labels, key=f"{part}_labels", target=columns, group=None)
            files[part] = read_labelled_files(beside, target.kind, self.class_names)
            self.class_names = files[part].target.class_names
            setattr(self, key, files[part].target.facts[key])
            for what, count, why in files[part].left_out:
                self.leave_out(f"{what} of {labels}", count, why)
        if self.separate and self.num_classes == 1:
            require_anomalies([str(self.labels), *self.separate.values()], self.output_names())
        return files

    def groups_of(self, read: LabelledFiles, chosen: list[int]) -> list[str] | None:
        """The groups of images by their numbers in a file; None if there are none."""
        if self.group is None or self.tests_all:
            return None
        groups = read.group
        if groups is None and self._labelled is not None and self._labelled.group is None:
            groups = named_groups(read.paths, read.below, self.group)
        return None if groups is None else [groups[number] for number in chosen]

    def parts_by_folder(self, chosen: list[int], folders: dict[str, str | None]) -> dict[str, Tensor]:
        """Indices into the chosen images for each split, if their folders are splits; else empty."""
        assert self._labelled is not None  # of ``read_labels``
        found = splits_of([self._labelled.below[number] for number in chosen], folders)
        for part in self.separate:
            if unused := len(found.pop(part, [])):
                self.leave_out(f"images in folders of {part}", unused, f"data.{part}_labels is used instead")
        if found:
            self.sources = {part: f"{self._labelled.source}, in folders of {part}" for part in found}
        return {part: torch.tensor(index) for part, index in found.items()}

    @property
    def _has_numbers(self) -> bool:
        return self._labelled is not None and self._labelled.target.kind == "number"

    def _prepare_augmentation(self) -> None:
        if self.augmentation is None or not self._has_numbers:
            return
        self._require_unmixed()
        if not self._moves:
            self.augmentation.flip = False


def targets_of(read: LabelledFiles, chosen: list[int]) -> Tensor:
    """Targets of images by their numbers in a file: see ``DataModule``."""
    y = torch.from_numpy(read.target.values)[torch.tensor(chosen, dtype=torch.long)]
    return y.float().reshape(len(y), -1) if read.target.kind == "number" else y
