"""The part of image data that decodes files: their size, channels, depth and damage, and how they are prepared."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch

from netyard.data.core.image_inputs import ImageReader
from netyard.data.core.inputs import Inputs
from netyard.data.core.normal_samples import normal_indices
from netyard.data.core.statistics import moments
from netyard.data.core.tensors import Split
from netyard.data.images import depth, same_files
from netyard.data.images.chosen_format import channels_of, remarks_on, size_of
from netyard.data.images.folder_split import Decoding, FolderSplit
from netyard.data.images.inspection import Inspection, inspect
from netyard.data.images.label_file_data import LabelFileData
from netyard.data.images.listing import Listing
from netyard.data.images.packed import cache_of, make
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Gt, Le, Length
from netyard.ranges.image_size import height_and_width

USUAL_SIZE = 224
"""The size of images of a run that has none, and was not inspected."""
NUM_MEASURED = 1000  # images that mean and std are measured on
_NUM_NUMBERS = 50_000_000  # of these images together


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFileData(LabelFileData):
    """Images that are decoded from files in each epoch; see ``ImageFolder``."""

    READS_IMAGES: ClassVar[bool] = True

    crop_ratio: Annotated[float, Gt(0), Le(1)] = 0.875
    """Sides of the central box that is evaluated, as a fraction of the largest one of the shape of ``image_size``."""
    crop_scale: Annotated[list[Annotated[float, Gt(0), Le(1)]], Length(2, 2)] | None = None
    """Smallest and largest area of the random crop in training, as fractions; half of the crops are mirrored if
    ``mirror_invariant``. None: the centre, as in evaluation. ``augmentation=none`` crops and mirrors nothing."""
    range: Annotated[list[float], Length(2, 2)] | None = None
    """The values that become black and white in images of more than 8 bits per channel. None: the smallest and the
    largest value of the training images."""
    on_damaged: Literal["refuse", "skip"] = "refuse"
    """What to do about images that cannot be read: no training, or training without them."""
    cache: str | None = None
    """A folder for a cache file of all images, scaled down, which training writes if it is missing. None: no cache."""

    def __post_init__(self) -> None:
        self._averaged: dict[str, list[float]] = {}
        self._open = [key for key in ("channels", "image_size") if getattr(self, key) is None]
        super().__post_init__()
        self._image_paths: list[Path] = []
        self._how: Decoding | None = None
        self._inspection: Inspection | None = None
        self._value_range: depth.Range | None = None
        self._was_cached: bool | None = None  # of a run that was trained; None of older versions
        self._restored = False  # whether this is the data of a run that was trained
        self._chosen: list[str] = []  # what was chosen by the files, for the summary
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
        if self.channels not in (None, 1, 3):
            raise ConfigError(
                f"data.channels is {self.channels}; image files are read as grey or RGB;",
                "it must be 1 or 3, or null: 1 if all files are grey;",
                "try data.channels=3.",
            )
        for key in ("mean", "std"):
            value = getattr(self, key)
            if self.channels == 1 and value is not None and len(value) == 3:
                self._averaged[key] = [sum(value) / 3]  # of RGB images, of which grey ones have the mean
                setattr(self, key, self._averaged[key])
        super()._check_statistics()

    def facts(self) -> dict[str, Any]:
        """What is null in the config, and counted or chosen when the files are read."""
        found = super().facts()
        return {**found, **{key: getattr(self, key) for key in self._open}, **self._averaged}

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        # Called in every process: one writes the cache, the others wait. Not for a test alone: the cache contains all
        # splits, and writing it would decode them all.
        if stage == "fit" and self._how is not None and self._how.cache:
            make(self._how.cache, self._image_paths, self._how.num_workers)

    def inspected(self, found: dict[str, Listing]) -> dict[str, Listing]:
        """Look at the files of new training data, leave out or refuse damaged ones, and choose what is open of the
        size and the channels."""
        # The data of a trained run are not looked at again: damage in its training images is no matter of a test.
        if not self._restored or self.on_damaged == "skip":
            found = self._without_damage(found)
        self._choose_format()
        return found

    def _choose_format(self) -> None:
        seen = self._inspection.intact if self._inspection is not None else []
        if self.image_size is None:
            self.image_size, note = size_of([each.size for each in seen]) if seen else (USUAL_SIZE, "")
            self._chosen += [note] * bool(note)
        if self.channels is None:
            self.channels, note = channels_of(seen) if seen else (3, "")
            self._chosen += [note] * bool(note)
            self._check_statistics()
        self.input_shape = self.input_shape or [self.channels, *height_and_width(self.image_size)]

    def count_duplicates(self) -> tuple[dict[str, int] | None, str]:
        return same_files.between_splits(
            {name: split.paths for name, split in self._splits.items() if isinstance(split, FolderSplit)}
        )

    def test_inputs(self) -> Inputs:
        split = self.split("test")
        assert isinstance(split, FolderSplit)
        reader = self.image_reader(split.decoding.preparation.size)
        return reader.inputs(split.paths, len(split), self.evaluation_batch_size(), split.y)

    def image_reader(self, size: Any) -> ImageReader:
        size = height_and_width(size)
        return ImageReader(
            size,
            self.channels or 3,
            crop_ratio=self.crop_ratio,
            # Evaluation then crops (almost) without resizing.
            cache_side=math.ceil(max(size) / self.crop_ratio) if self.cached else None,
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
        self._how.preparation = prepared = self.image_reader(self.image_size or USUAL_SIZE)
        if self.cache is not None and prepared.cache_side is not None:
            folder = Path(self.cache).expanduser()
            self._how.cache = cache_of(self._image_paths, prepared.cache_side, folder, self.value_range)
        if self.mean is None or self.std is None:
            self._measure(train.take(normal_indices(train.y, self.class_names, self.normal)).paths)

    def _measure(self, paths: list[Path]) -> None:
        """Measure mean and std of the prepared pixels of some training images, the same on every machine."""
        assert self._how is not None and self.input_shape is not None
        most = max(1, min(NUM_MEASURED, _NUM_NUMBERS // math.prod(self.input_shape)))
        chosen = paths[:: -(-len(paths) // most)]
        with ThreadPoolExecutor(_num_workers(self.num_workers or None)) as pool:
            pixels = np.stack([*pool.map(self._how.preparation.read, chosen)])
        found = [(each / self.max_value).tolist() for each in moments(torch.from_numpy(pixels))]
        self.mean, self.std = self.mean or found[0], self.std or found[1]
        self._image_statistics = [self.mean, self.std]

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
        # Of a resumed run, too: other versions of a decoder may differ in the last digit.
        if self._image_statistics and "statistics" in state_dict:
            self.mean, self.std = self._image_statistics = state_dict["statistics"]
            self._normalizations.clear()
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
        remarks = [*found.get("remarks", []), *described.get("remarks", []), *self._chosen]
        if seen is not None:
            remarks += remarks_on(seen, height_and_width(self.image_size or USUAL_SIZE))
        if self.crop_scale is not None and self.crops:
            remarks.append(self._described_crop())
        if self.crop_and_mirror and self.crop_scale is None:
            remarks.append("data.crop_and_mirror=true crops nothing without data.crop_scale=[0.08,1.0]")
        elif self.crop_and_mirror and not self._may_crop:
            remarks.append(
                "data.crop_and_mirror=true crops nothing with augmentation=none (augmentation=auto: it does)"
            )
        return {**found, **described, **({"remarks": remarks} if remarks else {})}

    def _described_crop(self) -> str:
        """What training does to images at random, and how not."""
        low, high = (f"{100 * part:g}" for part in self.crop_scale or (1, 1))
        mirrored = ", half of them mirrored" if self._may_mirror else ""
        correction = "augmentation=none: nothing at random"
        correction += "; data.mirror_invariant=false: not mirrored" if self._may_mirror else ""
        return f"random crops of {low} to {high} % of an image in training{mirrored} ({correction})"

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
            self.image_reader(self.image_size or USUAL_SIZE),
            (self.crop_scale[0], self.crop_scale[1]) if self.crop_scale and self.crops else None,
            self._may_mirror,
            _num_workers(self.num_workers),
            self.seed,
        )


def _num_workers(wanted: int | None) -> int:
    """The number of workers; for None the number of CPUs that this process may use, at most eight."""
    if wanted is not None:
        return wanted
    # In a container or a batch job a process may use fewer CPUs than the machine has.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)
