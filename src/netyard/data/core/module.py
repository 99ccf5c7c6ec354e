"""The base class of all data sets: loaders, inputs of users, normalisation, and the hooks of Lightning.

The fields are those of ``fields``, and ``split_data`` reads and cuts. The work is done by parts, each in a file of its
own: ``splits`` cuts, ``normalization`` scales, ``split_loaders`` reads batches in the orders of ``orders`` on the
device of ``placement``, and ``image_inputs`` and ``table_inputs`` read the files that a user predicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from netyard.data.core.image_inputs import ImageReader
from netyard.data.core.inputs import Inputs, samples
from netyard.data.core.loaders import Batch
from netyard.data.core.normal_samples import normal_indices
from netyard.data.core.normalization import ImageNormalization, RowNormalization
from netyard.data.core.orders import Orders, SampleOrders
from netyard.data.core.placement import Placement
from netyard.data.core.split_data import SplitData
from netyard.data.core.split_loaders import Loader, SplitLoaders
from netyard.data.core.statistics import moments, standardize
from netyard.data.core.table_inputs import rows
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.columns import decode
from netyard.errors import ConfigError
from netyard.ranges.image_size import height_and_width

_EVAL_NUMBERS = 2**22  # a default evaluation batch has up to this many input numbers (16 MiB in float32) ...
_EVAL_SAMPLES = 1024  # ... and up to this many samples


class DataModule(SplitData):
    """Loaders of ``(x, y, key)``, which become ``(x, y)`` on the device. A data set implements ``read``.

    x: float32, images (B, C, H, W) or rows of a table (B, num_features), both normalised by the mean and std of the
    training split; with ``as_sequence`` images are read row by row (B, H, C * W) or pixel by pixel (B, H * W, C).
    y: int64 (B,); uint8 (B, num_labels) of several labels; float32 (B, num_targets) of a regression, in its own units;
    float32 (B, num_classes) or (B, num_labels) if an augmentation mixes samples.
    """

    # What a data set may replace

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

    def image_reader(self, size: int | Sequence[int]) -> ImageReader:
        """The reader of a user's image files."""
        channels = self.channels or len(self.mean or [0.0])
        return ImageReader(
            height_and_width(size), channels, self.max_value, interpolation=self.interpolation or "bilinear"
        )

    # Loaders

    def train_dataloader(self) -> Loader:
        return self._loaders().train()

    def plain_train_dataloader(self) -> Loader:
        """The training split in one fixed order, without augmentation, whatever the position of the loop."""
        data = self.data_of("train")
        return self._loaders().train_unaugmented() if data is self else data.plain_train_dataloader()

    def val_dataloader(self) -> Loader | list[Loader]:
        # An empty list is Lightning's way to have none.
        return self._loaders().evaluation("val") if self.has_split("val") else []

    def test_dataloader(self) -> Loader:
        self.require_split("test")
        return self._loaders().evaluation("test")

    def predict_dataloader(self) -> Loader:
        return self.test_dataloader()

    def real_samples(
        self, name: str, most: int | None = None, batch_size: int = 256, seed: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Samples of a split, not augmented: (images in [0, 1] or normalised rows, y (b,)), the same on every device.

        All of them or ``most``, chosen and shuffled by the seed.
        """
        data = self.data_of(name)
        data.require_split(name)
        for x, y in data._loaders().stored(name, most, batch_size, seed):
            yield x if x.is_floating_point() else x.float().div_(data.max_value), y

    def _loaders(self) -> SplitLoaders:
        self.setup()
        return SplitLoaders(self._splits, self.orders(), Placement.of(self.trainer))

    # Inputs of users

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

    def describe_preparation(self) -> dict[str, Any] | None:
        """How an image file becomes an input of a network, in plain types; None if image files are not read.

        The steps of ``Preparation.describe``; ``mean`` and ``std`` of pixels in [0, 1]; ``scale`` and ``shift``, with
        which an input is ``pixels * scale + shift`` in float32; and ``as_sequence``.
        """
        if self.image_size is None or len(self.pixel_statistics()[0]) not in (1, 3):
            return None
        normalization = self._image_normalization(torch.device("cpu"))
        numbers = {name: getattr(normalization, name).flatten().tolist() for name in ("mean", "std", "scale", "shift")}
        return {**self.image_reader(self.image_size).describe(), **numbers, "as_sequence": self.as_sequence}

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
            y = self._as_mixable(y)
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

    def cells(self, samples: Tensor) -> dict[str, list[Any]]:
        """Normalised samples (N, ...) that are no images as columns: numbers and words in their own units."""
        made = self.denormalize(samples) if self.own_units else samples
        if self.columns and made.ndim == 2:
            return decode(self.columns, made.float().numpy())
        names = self.channel_names(made.shape[-1])
        if made.ndim == 3:  # (N, steps, channels)
            names = [f"{name}_{step}" for step in range(1, made.shape[1] + 1) for name in names]
        return dict(zip(names, made.flatten(1).T.tolist(), strict=True))

    def channel_names(self, count: int) -> list[str]:
        """A name for each channel of a sequence, or for each column."""
        return [f"column_{place}" for place in range(1, count + 1)]

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
        # Indexing copies a whole data set.
        x = train.x if self.normal is None else train.x[normal_indices(train.y, self.class_names, self.normal)]
        if train.x.is_floating_point():
            self.columns = standardize(splits, self.feature_names, self.columns, x)
            self.mean, self.std = ([getattr(column, key) for column in self.columns] for key in ("mean", "std"))
        else:
            self.mean, self.std = self._image_statistics = [(moment / self.max_value).tolist() for moment in moments(x)]

    def _normalization(self, device: torch.device) -> ImageNormalization | RowNormalization:
        if self.image_size is not None:
            return self._image_normalization(device)
        return RowNormalization.of(self.columns).to(device)

    def _image_normalization(self, device: torch.device) -> ImageNormalization:
        # Kept for each device: copying it there in each step would make the host wait for the device.
        if device not in self._normalizations:
            mean, std = self.pixel_statistics()
            height, _ = height_and_width(self.image_size or 0)
            normalization = ImageNormalization.of(mean, std, self.max_value, height, self.as_sequence)
            self._normalizations[device] = normalization.to(device)
        return self._normalizations[device]

    def _as_mixable(self, y: Tensor) -> Tensor:
        """Classes (B,) or labels (B, num_labels) as float32 (B, num_classes) or (B, num_labels)."""
        if y.ndim == 2 and not y.is_floating_point():
            return y.float()
        if self.num_classes is None:
            self.setup()
        if self.num_classes is None:
            raise ConfigError(
                "an augmentation mixes classes, but the data have none;",
                "it needs data.num_classes;",
                "try augmentation=none.",
            )
        return F.one_hot(y, self.num_classes).float()
