"""The base class of all data sets: config fields, their validation, and the hooks of Lightning.

The work is done by parts, each in a file of its own: ``splits`` cuts, ``normalization`` scales, ``split_loaders``
reads batches in the orders of ``orders`` on the device of ``placement``, and ``image_inputs`` and ``table_inputs`` read
the files that a user predicts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor

from netyard.data.core import duplicates
from netyard.data.core.image_inputs import ImageReader
from netyard.data.core.inputs import Inputs, samples
from netyard.data.core.loaders import Batch
from netyard.data.core.normalization import AsSequence, ImageNormalization, RowNormalization
from netyard.data.core.orders import Orders, SampleOrders, Sampler
from netyard.data.core.placement import Placement
from netyard.data.core.split_loaders import Loader, SplitLoaders
from netyard.data.core.splits import Groups, Splitter, hold_out
from netyard.data.core.statistics import moments, standardize
from netyard.data.core.table_inputs import rows
from netyard.data.core.tensors import Split, TensorSplit, check_split
from netyard.data.images.augment import ImageAugmentation
from netyard.data.images.decode import Interpolation
from netyard.data.tables.columns import Column
from netyard.errors import ConfigError, DataError
from netyard.io.fingerprint import fingerprint
from netyard.ranges.bounds import Classes, Count, Gt, Index, Part, Positive, Seed, ShareOrCount
from netyard.ranges.signature import check

log = logging.getLogger(__name__)

_EVAL_NUMBERS = 2**22  # a default evaluation batch has up to this many input numbers (16 MiB in float32) ...
_EVAL_SAMPLES = 1024  # ... and up to this many samples


@dataclass(kw_only=True, eq=False, repr=False)
class DataModule(L.LightningDataModule):
    """Loaders of ``(x, y, key)``, which become ``(x, y)`` on the device. A data set implements ``read``.

    x: float32, images (B, C, H, W) or rows of a table (B, num_features), both normalised by the mean and std of the
    training split; with ``as_sequence`` images are read row by row (B, H, C * W) or pixel by pixel (B, H * W, C).
    y: int64 (B,); float32 (B, num_targets) of a regression, in its own units; float32 (B, num_classes) if an
    augmentation mixes samples.
    """

    UNIT: ClassVar[str] = "samples"
    """What the numbers of the summary count."""

    batch_size: Count = 128
    """The global batch size: several devices share the batch."""
    eval_batch_size: Count | None = None
    """None: chosen by the memory that a sample takes, at least ``batch_size``."""
    val_fraction: Part = 0.1
    """Fraction of the training samples used for validation, if the data set has no validation split of its own."""
    test_fraction: Part = 0.2
    """Fraction of all samples used for testing, if the data set has no official test split."""
    split_seed: Seed = 0
    """Seed of the validation split, which does not depend on the run's seed."""
    num_folds: Classes | None = None
    """Number of folds of a cross-validation. One fold validates, instead of ``val_fraction``; none tests."""
    fold: Index | None = None
    """The fold that validates, from 0. None: the first, if there are folds."""
    subset: Annotated[int | float, Gt(0), ShareOrCount()] | None = None
    """Number or share of the training samples that are used, stratified by class; the same for every network and seed.
    None: all."""
    seed: Seed = 0
    """Seed of the order of the samples and of their augmentation."""
    sampler: Sampler = "uniform"
    """How often each training sample is shown; ``balanced``: every class equally often, see ``BalancedOrder``."""
    num_workers: Index | None = 0
    """Processes that decode files. Data sets held in memory start none."""
    augmentation: ImageAugmentation | None = None
    """Applied to training batches, on the device. None or empty: no augmentation."""

    num_classes: Classes | None = None
    num_targets: Count | None = None
    num_features: Count | None = None
    channels: Count | None = None
    image_size: Count | None = None
    input_shape: list[Count] | None = None
    max_value: Positive = 255
    """White in the stored images."""
    mean: list[float] | None = None
    """Mean of each channel, in images scaled to [0, 1]. None: measured on the training split."""
    std: list[Positive] | None = None
    interpolation: Interpolation | None = None
    """The filter by which image files are resized. None: bilinear."""
    mirror_invariant: bool = False
    """Whether a mirrored image still belongs to its class."""
    as_sequence: AsSequence = None
    """Read an image as a sequence of its rows or of its pixels, for networks that read sequences."""
    sequence_length: Count | None = None
    input_size: Count | None = None
    """Numbers in each step of a sequence."""
    vocab_size: Count | None = None
    """Number of different tokens, of sequences of tokens; these have no ``input_size``."""

    def __post_init__(self) -> None:
        super().__init__()
        # The config of a table gives ["${data.num_features}"], which is [None] until the table is read.
        if None in (self.input_shape or []):
            self.input_shape = None
        check(type(self), vars(self), "data")
        self.class_names: list[str] | None = None
        self.feature_names: list[str] | None = None
        self.columns: list[Column] = []
        self.sources: dict[str, str] = {}
        """Where each split comes from; ``read`` names those that it returns."""
        self.left_out: list[dict[str, Any]] = []
        self.groups: dict[str, int] = {}
        """Number of groups in each split, of data with groups."""
        self._has_subset = False
        self._image_statistics: list[list[float]] | None = None
        self._splits: dict[str, Split] = {}
        self._fingerprint: str | None = None
        self._fingerprints: dict[str, str] = {}
        self._normalizations: dict[torch.device, ImageNormalization] = {}
        # A config without augmentation may pass an empty mapping.
        self.augmentation = self.augmentation or None
        _ = self.splitter  # refuses a fold that does not exist
        if self.augmentation and self.image_size is None:
            raise ConfigError(
                "an image augmentation was chosen for data without images;",
                "tables, texts and series have no augmentation;",
                "try augmentation=none.",
            )
        if self.augmentation and self.augmentation.mixes and self.num_targets is not None:
            raise ConfigError(
                "an augmentation that mixes classes was chosen for a regression;",
                "it needs classes;",
                "try augmentation=standard.",
            )

    # What a data set implements

    def read(self) -> dict[str, Split]:
        """The splits that exist: ``train``, and ``val`` and ``test`` if the data set has official ones."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Values for the keys that are null in the data set's yaml; the data are read to find them."""
        return {}

    # What ``read`` calls

    def leave_out(self, what: str, count: int, why: str) -> None:
        """Note what is not used of the data, for the summary: ``leave_out("rows", 3, "price is empty")``."""
        self.left_out.append({"what": what, "count": count, "why": why})

    def cut(self, labels: Tensor, source: str, groups: Groups = None) -> dict[str, Tensor]:
        """Indices of the samples of each split, by the labels of all samples of ``source``: int64, ascending.

        Args:
            groups: the group of each sample; samples of a group are in one split.
        """
        self.sources = {"train": source, "val": self.splitter.source("val"), "test": self.splitter.source("test")}
        parts = self.splitter.indices(labels, groups)
        # What is learned of the training samples, such as a vocabulary, is learned of the subset.
        parts["train"] = parts["train"][self._subset_of(labels[parts["train"]])]
        if groups is not None:
            self.groups = {name: len({groups[i] for i in index.tolist()}) for name, index in parts.items()}
        return parts

    def _subset_of(self, labels: Tensor) -> Tensor:
        """Indices of the training samples that are used, by the labels of all of them: int64, ascending."""
        everything = torch.arange(len(labels))
        if self.subset is None or self._has_subset:
            return everything
        self._has_subset = True
        wanted = round(self.subset * len(labels)) if isinstance(self.subset, float) else int(self.subset)
        if not 1 <= wanted <= len(labels):
            raise DataError(
                f"data.subset is {self.subset} of {len(labels)} training samples;",
                "it is a number of them or, up to 1.0, a share;",
                f"try data.subset={max(len(labels) // 2, 1)}, or leave data.subset out.",
            )
        self.sources["train"] += f", {wanted:,} of {len(labels):,} by data.subset"
        if wanted == len(labels):
            return everything
        # By the seed of the splits, not of the run: runs with several seeds are trained on the same samples.
        return hold_out(labels, len(labels) - wanted, self.split_seed)[0]

    # What a data set may replace

    def check_split(self, name: str, split: Split) -> None:
        """Refuse a split that cannot be trained or tested on.

        Raises:
            DataError: see ``check_split`` of ``tensors``.
        """
        check_split(name, split, self.num_classes, self.input_shape, self.as_sequence)

    def orders(self) -> Orders:
        """The orders in which splits are read."""
        labels = self._splits["train"].y if self.sampler == "balanced" else None
        return SampleOrders(self.batch_size, self.evaluation_batch_size(), self.seed, labels)

    def evaluation_batch_size(self) -> int:
        """Samples in an evaluation batch: ``eval_batch_size``, or as many as take little memory."""
        if self.eval_batch_size is not None:
            return self.eval_batch_size
        # Without gradients an evaluation needs less memory than training, so larger batches fit.
        numbers = torch.Size(self.input_shape or [1]).numel()
        return max(self.batch_size, min(_EVAL_SAMPLES, _EVAL_NUMBERS // numbers))

    def duplicates(self) -> tuple[dict[str, int] | None, str]:
        """Identical samples in each pair of splits; or None and the reason why they were not counted."""
        return duplicates.between_splits(self._splits)

    def image_reader(self, size: int) -> ImageReader:
        """The reader of a user's image files."""
        channels = self.channels or len(self.mean or [0.0])
        return ImageReader(size, channels, self.max_value, interpolation=self.interpolation or "bilinear")

    # Splits

    @property
    def splitter(self) -> Splitter:
        """Cuts the splits that the data set does not have."""
        return Splitter(self.val_fraction, self.test_fraction, self.split_seed, self.num_folds, self.fold)

    def setup(self, stage: str | None = None) -> None:
        # Data are read once: a second reading would also standardise a table twice.
        if self._splits:  # Lightning calls this once for fit and again for test
            return
        self.sources, self.left_out, self.groups, self._has_subset = {}, [], {}, False
        splits = self.read()
        for name, split in splits.items():
            self.check_split(name, split)
            self.sources.setdefault(name, "the data set")
        for name in self.splitter.complete(splits):
            self.sources[name] = self.splitter.source(name)
        self._cut_subset(splits)
        if found := {name: getattr(split, "groups", None) for name, split in splits.items()}:
            self.groups = self.groups or {name: len(set(each)) for name, each in found.items() if each is not None}
        self._check_sampler(splits["train"])
        # Before normalization, whose floats differ between machines by rounding.
        identities = {name: split.identity for name, split in splits.items()}
        self._fingerprint = fingerprint(**identities)
        self._fingerprints = {name: fingerprint(split=each) for name, each in identities.items()}
        self.fit_normalization(splits)
        # Last, so that a failed setup is not taken for a finished one.
        self._splits = splits

    def _cut_subset(self, splits: dict[str, Split]) -> None:
        train = splits["train"]
        if self.subset is None or self._has_subset:
            return
        if isinstance(train, TensorSplit) and train.x.ndim == 1:
            raise ConfigError(
                f"data.subset is {self.subset}, but a continuous text has no separate samples;",
                "a subset is chosen among samples;",
                "leave data.subset out, and use a shorter text.",
            )
        splits["train"] = train.take(self._subset_of(train.y))

    def _check_sampler(self, train: Split) -> None:
        if self.sampler == "balanced" and (train.y.is_floating_point() or train.y.ndim != 1):
            raise ConfigError(
                "data.sampler=balanced, but the data have no classes;",
                "only classes can be shown equally often;",
                "try data.sampler=uniform.",
            )

    def split(self, name: str) -> Split:
        """One of ``train``, ``val``, ``test``."""
        self.setup()
        return self._splits[name]

    def summary(self) -> dict[str, Any]:
        """What was read, in plain types: what netyard has guessed about the data, and what a mistake in them shows in.

        ``splits``: samples and source of each; ``classes``: training samples by name, None without classes;
        ``left_out``: what, count and why; ``duplicates``: identical samples in two splits, ``{"train-test": n, ...}``,
        None with ``duplicates_note`` if they were not counted. A data set may add keys.
        """
        self.prepare_data()
        self.setup()
        found, note = self.duplicates()
        return {
            "unit": self.UNIT,
            "splits": {
                name: {"samples": len(self._splits[name]), "source": self.sources[name]}
                for name in ("train", "val", "test")
                if name in self._splits
            },
            "classes": self._class_counts(),
            **({"groups": dict(self.groups)} if self.groups else {}),
            "left_out": [dict(each) for each in self.left_out],
            "duplicates": found,
            **({"duplicates_note": note} if note else {}),
        }

    def _class_counts(self) -> dict[str, int] | None:
        y = self._splits["train"].y
        if self.num_classes is None or y.is_floating_point() or y.ndim != 1:
            return None
        counts = torch.bincount(y.cpu(), minlength=self.num_classes).tolist()
        return dict(zip(self.labels(), counts, strict=True))

    # State: what prediction needs to know of the training split. Lightning saves it under the name of the class.

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training split, in plain types."""
        columns = [column.state() for column in self.columns]
        state = {
            "class_names": self.class_names,
            "columns": columns,
            "statistics": self._image_statistics,
            "fingerprint": self._fingerprint,
            "fingerprints": self._fingerprints,
        }
        return {name: value for name, value in state.items() if value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what the data of a run, perhaps of another class, had learned.

        Raises:
            DataError: a resumed run has other samples than before.
        """
        if self._splits:  # of a resumed run: the same was learned again from the same samples
            if self._trains_on_others(state_dict):
                raise DataError(
                    "the samples are not those that the run was started with;",
                    "a resumed run needs the same samples in the same splits, or it would test on samples that it was"
                    " trained on;",
                    "restore the old data, or start a new run.",
                )
            return
        # Before setup, for prediction: files are then read without the training data, which may be gone.
        self.class_names = state_dict.get("class_names")
        self.columns = [Column(**column) for column in state_dict.get("columns", [])]
        if self.mean is None and "statistics" in state_dict:
            self.mean, self.std = self._image_statistics = state_dict["statistics"]

    def _trains_on_others(self, state_dict: dict[str, Any]) -> bool:
        """Whether a run was trained or validated on other samples. Other test samples are only told."""
        recorded = state_dict.get("fingerprints")
        if state_dict.get("fingerprint", self._fingerprint) == self._fingerprint or not recorded:
            return state_dict.get("fingerprint", self._fingerprint) != self._fingerprint
        changed = [name for name, each in recorded.items() if self._fingerprints.get(name) != each]
        if changed != ["test"]:
            return True
        # With test samples of its own, such as a folder from which a damaged file was removed, training is the same.
        log.warning("the test samples are not those that the run was started with")
        return False

    # Loaders

    def train_dataloader(self) -> Loader:
        return self._loaders().train()

    def plain_train_dataloader(self) -> Loader:
        """The training split in one fixed order, without augmentation, whatever the position of the loop."""
        return self._loaders().train_unaugmented()

    def val_dataloader(self) -> Loader:
        return self._loaders().evaluation("val")

    def test_dataloader(self) -> Loader:
        return self._loaders().evaluation("test")

    def predict_dataloader(self) -> Loader:
        return self._loaders().evaluation("test")

    def real_pictures(
        self, name: str, most: int | None = None, batch_size: int = 256, seed: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images of a split, not augmented: ((b, C, H, W) in [0, 1], y (b,)), the same on every device.

        All of them or ``most``, chosen and shuffled by the seed.
        """
        for x, y in self._loaders().stored(name, most, batch_size, seed):
            yield x.float().div_(self.max_value), y

    def _loaders(self) -> SplitLoaders:
        self.setup()
        return SplitLoaders(self._splits, self.orders(), Placement.of(self.trainer))

    # Inputs of users

    def labels(self) -> list[str]:
        """The names of the classes, in the order of their numbers; empty for data without classes."""
        return self.class_names or [str(number) for number in range(self.num_classes or 0)]

    def inputs(self, where: str) -> Inputs:
        """Image files or rows of a table that a user wants predictions of.

        Raises:
            DataError: there are none; columns of the training data are missing.
            ConfigError: image files cannot be read in the format of the data.
        """
        if self.image_size is not None:
            return self.image_reader(self.image_size).inputs_at(where, self.evaluation_batch_size())
        if not self.columns:
            self.setup()
        return rows(where, self.columns, self.evaluation_batch_size())

    def test_inputs(self) -> Inputs:
        """The test split, with its labels."""
        return samples(self.predict_dataloader(), len(self.split("test")))

    def example_inputs(self, count: int, steps: int | None = None) -> Tensor:
        """Random inputs of a network (count, ...), the same in each call; sequences have ``steps`` steps."""
        return torch.randn(count, *(self.input_shape or []), generator=torch.Generator().manual_seed(count))

    # Normalization

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        x, y, key = batch
        # The sanity check and validation run inside of fit, but are not training: they are not augmented.
        training = self.trainer is not None and self.trainer.training
        x, y = self.prepare(x, y, key if training else None)
        if self.trainer and self.trainer.precision in ("16-true", "bf16-true", "64-true"):
            # Lightning converts only floats, and before this hook, when images are still integers.
            x, y = self.trainer.precision_plugin.convert_input((x, y))
        return x, y

    def prepare(self, x: Tensor, y: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Stored samples -> inputs of a network; augmented if their keys are given."""
        if x.is_floating_point():  # rows of a table, which ``setup`` has normalised, or windows of a series
            return x, y
        normalization = self._image_normalization(x.device)
        if key is None or self.augmentation is None:
            return normalization.prepare(x), y
        if self.augmentation.mixes:
            y = F.one_hot(y, self._known_classes()).float()
        # Augmentation needs pixels in [0, 1]: it pads with black, and changes brightness and contrast.
        x, y = self.augmentation(normalization.pixels(x), y, key)
        return normalization.normalize(x), y

    @property
    def own_units(self) -> str | None:
        """The unit of the inputs of ``normalize``, as text; None for data that are not normalised."""
        if self.image_size is not None:
            return "pixels in [0, 1]"
        return "rows in the units of their columns" if self.columns else None

    def normalize(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1], or rows (B, num_features) in their own units -> inputs of a network."""
        return self._normalization(x.device).normalize(x)

    def denormalize(self, x: Tensor) -> Tensor:
        """Inputs of a network -> images (B, C, H, W) in [0, 1], or rows in their own units."""
        return self._normalization(x.device).denormalize(x)

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and std of pixels in [0, 1], two float32 (C, 1, 1): an input of a network is ``(pixels - mean) / std``.

        Of data without images: 0 and 1, (1,), which leave them unchanged.
        """
        if self.image_size is None:
            return torch.zeros(1), torch.ones(1)
        if self.mean is None or self.std is None:
            self.setup()
        mean, std = (torch.tensor(value)[:, None, None] for value in (self.mean, self.std))
        return mean, std

    def target_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and std of the targets of a regression in the training split: two float32 (num_targets,)."""
        y = self.split("train").y
        if not y.is_floating_point():
            raise ConfigError(
                "target statistics are undefined for data with classes;",
                "a regression needs numbers;",
                "try task=classification.",
            )
        # Of the training split alone: those of all samples would leak the test targets into training.
        mean, std = moments(y)
        return mean.float(), std.float()

    def fit_normalization(self, splits: dict[str, Split]) -> None:
        """Measure the mean and std that the config leaves open, on the training split; standardise tables in place."""
        train = splits["train"]
        if not isinstance(train, TensorSplit) or (self.mean is not None and self.std is not None):
            return
        if train.x.is_floating_point():
            self.columns = standardize(splits, self.feature_names, self.columns)
            self.mean, self.std = ([getattr(column, key) for column in self.columns] for key in ("mean", "std"))
        else:
            self.mean, self.std = self._image_statistics = [
                (moment / self.max_value).tolist() for moment in moments(train.x)
            ]

    def _normalization(self, device: torch.device) -> ImageNormalization | RowNormalization:
        if self.image_size is not None:
            return self._image_normalization(device)
        return RowNormalization.of(self.columns).to(device)

    def _image_normalization(self, device: torch.device) -> ImageNormalization:
        # Kept for each device: copying it there in each step would make the host wait for the device.
        if device not in self._normalizations:
            mean, std = self.pixel_statistics()
            size = self.image_size or 0
            normalization = ImageNormalization.of(mean, std, self.max_value, size, self.as_sequence)
            self._normalizations[device] = normalization.to(device)
        return self._normalizations[device]

    def _known_classes(self) -> int:
        if self.num_classes is None:
            self.setup()
        if self.num_classes is None:
            raise ConfigError(
                "an augmentation mixes classes, but the data have none;",
                "it needs data.num_classes;",
                "try augmentation=none.",
            )
        return self.num_classes
