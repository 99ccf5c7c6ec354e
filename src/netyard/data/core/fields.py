"""The config fields of all data sets, and their validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import lightning as L
import torch

from netyard.data.core.normalization import AsSequence, ImageNormalization
from netyard.data.core.orders import Sampler
from netyard.data.core.splits import Splitter
from netyard.data.core.tensors import Split
from netyard.data.images.augment import ImageAugmentation
from netyard.data.images.decode import Interpolation
from netyard.data.tables.columns import Column
from netyard.errors import ConfigError
from netyard.ranges.bounds import Classes, Count, Gt, HeldOut, Index, Length, Positive, Seed, ShareOrCount
from netyard.ranges.constraint import written
from netyard.ranges.image_size import ImageSize
from netyard.ranges.signature import check


@dataclass(kw_only=True, eq=False, repr=False)
class DataFields(L.LightningDataModule):
    """What a config sets of every data set; see ``DataModule``."""

    READS_IMAGES: ClassVar[bool] = False
    """Whether samples are images, though their size may be known only when files are read."""

    batch_size: Count = 128
    """The global batch size: several devices share the batch."""
    eval_batch_size: Count | None = None
    """None: chosen by the memory that a sample takes, at least ``batch_size``."""
    val_fraction: HeldOut = 0.1
    """Fraction of the training samples used for validation, if the data set has no validation split of its own. 0: none
    is validated, and the last epoch counts as the best."""
    test_fraction: HeldOut = 0.2
    """Fraction of all samples used for testing, if the data set has no official test split. 0: none is tested."""
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
    """Applied to training batches, on the device. None or empty: only what the data are usually trained with, see
    ``ImageFileData.crop_scale``."""

    normal: str | list[str] | None = None
    """The classes that training needs, of a task that learns from normal samples alone: mean and std are those of their
    training samples, and files for testing and validation may have more classes. None: all classes."""
    num_classes: Classes | None = None
    num_labels: Count | None = None
    """Number of labels of which a sample has any number, of data for ``task=multilabel``."""
    num_targets: Count | None = None
    num_features: Count | None = None
    channels: Count | None = None
    image_size: ImageSize | None = None
    """Side of square images, or height and width."""
    input_shape: Annotated[list[Count], Length(1)] | None = None
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
        """Names of the classes, or of the labels."""
        self.target_names: list[str] | None = None
        """Names of the targets of a regression, if it has several."""
        self.feature_names: list[str] | None = None
        self.columns: list[Column] = []
        self.sources: dict[str, str] = {}
        """Where each split comes from; ``read`` names those that it returns."""
        self.left_out: list[dict[str, Any]] = []
        self.groups: dict[str, int] = {}
        """Number of groups in each split, of data with groups."""
        self._has_subset = False
        self._tests_all = False
        self._training_data: Any = None  # of a run whose network is tested on other files
        self._files_key: str | None = None
        self._image_statistics: list[list[float]] | None = None
        self._splits: dict[str, Split] = {}
        self._fingerprint: str | None = None
        self._fingerprints: dict[str, str] = {}
        self._normalizations: dict[torch.device, ImageNormalization] = {}
        # Decided before an augmentation that changes nothing else is dropped.
        chosen = self.augmentation if isinstance(self.augmentation, ImageAugmentation) else None
        self._may_crop = chosen is None or chosen.crop
        self._may_mirror = self.mirror_invariant and (chosen is None or chosen.flip)
        # A config may pass an empty mapping. One that changes nothing would still round the pixels in another way.
        self.augmentation = self.augmentation or None
        self._check_statistics()
        _ = self.splitter  # refuses a fold that does not exist
        if self.augmentation and self.image_size is None and not self.READS_IMAGES:
            raise ConfigError(
                "an image augmentation was chosen for data without images;",
                "tables, texts and series have no augmentation;",
                "try augmentation=none.",
            )
        if self.num_targets is not None:
            self._require_unmixed()

    def _require_unmixed(self) -> None:
        """Refuse an augmentation that mixes the samples of a regression."""
        if self.augmentation and self.augmentation.mixes:
            raise ConfigError(
                "an augmentation that mixes classes was chosen for a regression;",
                "it needs classes;",
                "try augmentation=standard.",
            )

    def _check_statistics(self) -> None:
        """Refuse a mean or std that has not one number for each channel; one number is for all of them."""
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value is not None and self.image_size and self.channels and len(value) not in (1, self.channels):
                raise ConfigError(
                    f"data.{name} is {written(value)};",
                    f"it is a number for each of the {self.channels} channels, or one for all;",
                    f"try data.{name}=[{','.join(['0.5'] * self.channels)}].",
                )

    @property
    def splitter(self) -> Splitter:
        """Cuts the splits that the data set does not have."""
        return Splitter(self.val_fraction, self.test_fraction, self.split_seed, self.num_folds, self.fold)
