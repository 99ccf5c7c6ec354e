"""The data module that all data sets share: splitting, loading, and the processing of a batch on the device.

A data set adds ``read``. Its facts (number of classes, size, statistics) are fields, written in its yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor

from netyard.data.core.inputs import Framing, Inputs, pictures_at, rows, samples
from netyard.data.core.keys import permutation
from netyard.data.core.loaders import Batch, EvalOrder, Order, Shard, TensorLoader, TrainOrder, WorkerLoader
from netyard.data.core.splits import TEST_SEED, check_fold, holdout, one_fold
from netyard.data.core.tensors import Split, TensorSplit, check_finite, check_labels, moments
from netyard.data.images.augment import ImageAugmentation
from netyard.data.tables.csv_reader import Column
from netyard.errors import ConfigError, DataError
from netyard.io.fingerprint import fingerprint
from netyard.ranges.bounds import Classes, Count, Index, Part, Positive, Seed

_EVAL_NUMBERS = 2**22  # an evaluation batch by default: up to this many input numbers (16 MiB) ...
_EVAL_SAMPLES = 1024  # ... and this many samples


class Statistics(NamedTuple):
    """Of the pictures, each (C, 1, 1)."""

    mean: Tensor  # in [0, 1]
    std: Tensor
    scale: Tensor  # stored * scale + shift is (stored / max_value - mean) / std, in one pass less
    shift: Tensor


@dataclass(kw_only=True, eq=False, repr=False)
class DataModule(L.LightningDataModule):
    """Loaders of ``(x, y, key)`` that become ``(x, y)`` on the device.

    x: float32, pictures (B, C, H, W) normalised by mean and std, or tables (B, num_features), standardised; with
    ``as_sequence`` pictures are read row by row (B, H, C * W) or pixel by pixel (B, H * W, C).
    y: int64 (B,); float32 (B, num_targets) of a regression, in its own units; float32 (B, num_classes) when
    an augmentation mixes samples.
    """

    batch_size: Count = 128
    """The global batch: several devices share it."""
    eval_batch_size: Count | None = None
    """None: as many as are small in memory, at least ``batch_size``."""
    val_fraction: Part = 0.1
    """Of the training data, where the data set has no validation part of its own."""
    test_fraction: Part = 0.2
    """Of all data, where the data set has no official test part."""
    split_seed: Seed = 0
    """Of the validation cut; the run's seed does not move it."""
    num_folds: Classes | None = None
    """For cross-validation: what does not test is cut into so many parts, instead of by ``val_fraction``."""
    fold: Index | None = None
    """The part that validates, from 0. None: the first, where there are folds."""
    seed: Seed = 0
    """Of order and augmentation."""
    num_workers: Index | None = 0
    """Processes that decode files. Data sets held in memory need none and start none."""
    augmentation: ImageAugmentation | None = None
    """Applied to training batches, on the device. Empty: none."""

    num_classes: Classes | None = None
    num_targets: Count | None = None
    num_features: Count | None = None
    channels: Count | None = None
    image_size: Count | None = None
    input_shape: list[Count] | None = None
    max_value: Positive = 255
    """What stands for white in the stored pictures."""
    mean: list[float] | None = None
    """Of each channel, in pictures scaled to [0, 1]. None: measured on the training part."""
    std: list[Positive] | None = None
    mirror_invariant: bool = False
    """Whether a mirrored picture still belongs to its class."""
    as_sequence: Literal["rows", "pixels"] | None = None
    """rows or pixels: what a picture becomes a sequence of, for networks that read one."""
    sequence_length: Count | None = None
    input_size: Count | None = None
    """Numbers in each step of a sequence."""
    vocab_size: Count | None = None
    """Of sequences of tokens, which have no ``input_size``."""

    def __post_init__(self) -> None:
        super().__init__()
        self.class_names: list[str] | None = None
        self.feature_names: list[str] | None = None
        self.columns: list[Column] = []
        self._pixel_moments: list[list[float]] | None = None
        self._splits: dict[str, Split] = {}
        self._fingerprint: str | None = None
        self._statistics: dict[torch.device, Statistics] = {}
        self.augmentation = self.augmentation or None
        check_fold(self.num_folds, self.fold)
        if self.batch_size < 1 or (self.eval_batch_size is not None and self.eval_batch_size < 1):
            raise ConfigError(
                f"data.batch_size is {self.batch_size} and data.eval_batch_size {self.eval_batch_size};",
                "both must be at least 1;",
                "try data.batch_size=128.",
            )
        if self.augmentation and self.image_size is None:
            raise ConfigError(
                "an augmentation of pictures was chosen for data that are none;",
                "tables, texts and series have no augmentation;",
                "try augmentation=none.",
            )
        if self.as_sequence not in (None, "rows", "pixels"):
            raise ConfigError(
                f"data.as_sequence is {self.as_sequence!r};",
                "a picture is read by rows or by pixels;",
                "try data.as_sequence=rows.",
            )
        if self.augmentation and self.augmentation.mixes and self.num_targets is not None:
            raise ConfigError(
                "an augmentation that mixes classes was chosen for a regression;",
                "it needs classes;",
                "try augmentation=standard.",
            )

    # What a data set provides

    def read(self) -> dict[str, Split]:
        """The parts that exist: ``train``, and ``val`` and ``test`` where they are official."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Values for the keys that are null in its yaml; the data are read to find them."""
        return {}

    # Parts

    def setup(self, stage: str | None = None) -> None:
        if self._splits:  # Lightning calls this once for fit, again for test
            return
        splits = self.read()
        for name, split in splits.items():
            self._check(name, split)
        for name, cut in (("test", self._cut_test), ("val", self._cut_validation)):
            if name not in splits:
                stays, goes = cut(splits["train"].y)
                splits["train"], splits[name] = splits["train"].take(stays), splits["train"].take(goes)
        self._fingerprint = fingerprint(**{name: split.identity for name, split in splits.items()})
        self._measure(splits)
        self._splits = splits

    def split(self, name: str) -> Split:
        """One of ``train``, ``val``, ``test``."""
        self.setup()
        return self._splits[name]

    def _cut(self, y: Tensor) -> dict[str, Tensor]:
        """Indices of all three parts, for a ``read`` that learns from the training part."""
        rest, test = self._cut_test(y)
        stays, goes = self._cut_validation(y[rest])
        return {"train": rest[stays], "val": rest[goes], "test": test}

    def _cut_test(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return holdout(y, self.test_fraction, TEST_SEED)

    def _cut_validation(self, y: Tensor) -> tuple[Tensor, Tensor]:
        if self.num_folds is None:
            return holdout(y, self.val_fraction, self.split_seed)
        return one_fold(y, self.num_folds, self.fold or 0, self.split_seed)

    def _check(self, name: str, split: Split) -> None:
        if not len(split):
            raise DataError(f"the {name} part is empty;", "every part needs a sample;", "check data.root.")
        if self.num_classes is not None and not split.y.is_floating_point():
            check_labels(split.y, self.num_classes, name)
        check_finite(split.y, f"the {name} targets")
        if isinstance(split, TensorSplit):
            check_finite(split.x, f"the {name} inputs")
            shape = list(self._in_sequence(split.x[:1]).shape[1:])
            if self.input_shape and shape != list(self.input_shape):
                raise DataError(
                    f"the {name} samples have shape {shape}, data.input_shape is {list(self.input_shape)};",
                    "data.channels, data.image_size and data.num_features are facts, not choices;",
                    "leave them as the data's yaml has them.",
                )

    def _measure(self, splits: dict[str, Split]) -> None:
        """Mean and std where the yaml has none, from the training part; tables are standardised for good."""
        train = splits["train"]
        if not isinstance(train, TensorSplit):
            return
        if self.mean is not None and self.std is not None:
            return
        table = train.x.is_floating_point()
        mean, std = moments(train.x)
        scale = 1.0 if table else self.max_value
        self.mean, self.std = (mean / scale).tolist(), (std / scale).tolist()
        if not table:
            self._pixel_moments = [self.mean, self.std]
            return
        names = self.feature_names or [f"feature_{number}" for number in range(len(self.mean))]
        if names == [column.name for column in self.columns]:  # those of a run
            self.mean, self.std = ([getattr(each, key) for each in self.columns] for key in ("mean", "std"))
        self.columns = [Column(*each) for each in zip(names, self.mean, self.std, strict=True)]
        for split in splits.values():
            if isinstance(split, TensorSplit):
                split.x = (split.x - torch.tensor(self.mean)) / torch.tensor(self.std)

    def target_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and std of a regression's targets in the training part: two float32 (num_targets,)."""
        y = self.split("train").y
        if not y.is_floating_point():
            raise ConfigError(
                "target statistics are undefined for data with classes;",
                "a regression needs numbers;",
                "try task=classification.",
            )
        mean, std = moments(y)
        return mean.float(), std.float()

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        """What brings a network's input back to pictures in [0, 1], ``x * std + mean``: two float32 (C, 1, 1).

        Data that are no pictures stay as they are: a mean of 0 and a std of 1, (1,).
        """
        if self.image_size is None:
            return torch.zeros(1), torch.ones(1)
        if self.mean is None or self.std is None:
            self.setup()
        mean, std = (torch.tensor(value)[:, None, None] for value in (self.mean, self.std))
        return mean, std

    # What a run's network needs to take other samples; Lightning saves it, under the name of the class

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training part, in plain types."""
        columns = [asdict(column) for column in self.columns]
        state = {
            "class_names": self.class_names,
            "columns": columns,
            "statistics": self._pixel_moments,
            "fingerprint": self._fingerprint,
        }
        return {name: value for name, value in state.items() if value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what a run's data, perhaps of another kind, had learned.

        Raises:
            DataError: a resumed run has other samples than before.
        """
        if self._splits:  # a run that is resumed learned it again
            if state_dict.get("fingerprint", self._fingerprint) != self._fingerprint:
                raise DataError(
                    "the samples are not those that the run was begun with;",
                    "a run goes on with the same samples in the same parts, or it would test on what it has seen;",
                    "give it its old data back, or start a new run.",
                )
            return
        self.class_names = state_dict.get("class_names")
        self.columns = [Column(**column) for column in state_dict.get("columns", [])]
        if self.mean is None and "statistics" in state_dict:
            self.mean, self.std = self._pixel_moments = state_dict["statistics"]

    def labels(self) -> list[str]:
        """The classes' names, in the order of their numbers; none of data without classes."""
        return self.class_names or [str(number) for number in range(self.num_classes or 0)]

    def inputs(self, where: str) -> Inputs:
        """Pictures or rows of a user's own.

        Raises:
            DataError: there are none; columns that training knew are missing.
            ConfigError: they cannot be made what the data are.
        """
        if self.image_size is not None:
            return pictures_at(where, self._framing(self.image_size), self._eval_size())
        if not self.columns:
            self.setup()
        return rows(where, self.columns, self._eval_size())

    def test_inputs(self) -> Inputs:
        """The test part, with what is true of it."""
        return samples(self.predict_dataloader(), len(self.split("test")))

    def _framing(self, size: int) -> Framing:
        return Framing(size, self.channels or len(self.mean or [0.0]), self.max_value)

    # Loaders

    def train_dataloader(self) -> TensorLoader | WorkerLoader:
        split = self._placed("train")
        return split.loader(self._train_order(split), training=True)

    def plain_train_dataloader(self) -> TensorLoader | WorkerLoader:
        """The training part in one fixed order, without augmentation, wherever the loop stands: for a look back."""
        split = self._placed("train")
        order = TrainOrder(len(split), self.batch_size, self.seed, self._shard(), None, split.device)
        return split.loader(order, training=False)

    def val_dataloader(self) -> TensorLoader | WorkerLoader:
        return self._eval_loader("val")

    def test_dataloader(self) -> TensorLoader | WorkerLoader:
        return self._eval_loader("test")

    def predict_dataloader(self) -> TensorLoader | WorkerLoader:
        return self._eval_loader("test")

    def _eval_loader(self, name: str) -> TensorLoader | WorkerLoader:
        split = self._placed(name)
        return split.loader(self._eval_order(split), training=False)

    def _train_order(self, split: Split) -> Order:
        return TrainOrder(len(split), self.batch_size, self.seed, self._shard(), self._position(), split.device)

    def _eval_order(self, split: Split) -> Order:
        return EvalOrder(len(split), self._eval_size(), self._shard(), split.device)

    def _eval_size(self) -> int:
        if self.eval_batch_size is not None:
            return self.eval_batch_size
        numbers = torch.Size(self.input_shape or [1]).numel()
        return max(self.batch_size, min(_EVAL_SAMPLES, _EVAL_NUMBERS // numbers))

    def _shard(self) -> Shard:
        return Shard(self.trainer.global_rank, self.trainer.world_size) if self.trainer else Shard()

    def _position(self) -> Any:
        """The loop's own counter, which its checkpoints carry; None without a Trainer."""
        trainer = self.trainer
        if trainer is None:
            return None

        def position() -> tuple[int, int]:
            batches = int(trainer.num_training_batches)  # honours limit_train_batches
            # Overfitting to a few batches means the same few in every epoch.
            done = trainer.fit_loop.epoch_loop.batch_progress.total.processed
            return (done % batches if trainer.overfit_batches else done), batches

        return position

    def _placed(self, name: str) -> Split:
        """The part, moved with the others to a CUDA device that has four times the room for them."""
        split = self.split(name)
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if device.type == "cuda" and split.device != device:
            needed = sum(part.num_bytes for part in self._splits.values() if part.device != device)
            if needed < torch.cuda.mem_get_info(device)[0] / 4:
                self._splits = {key: part.to(device) for key, part in self._splits.items()}
        return self._splits[name]

    def real_pictures(
        self, name: str, most: int | None = None, batch_size: int = 256, seed: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures of a part as they are, ((b, C, H, W) in [0, 1], y (b,)), the same on every device.

        All of them or ``most``, chosen and ordered by the seed, whoever trains and whatever the loop does meanwhile.
        """
        split = self._placed(name)
        chosen = split.take(permutation(len(split), seed)[:most])
        order = EvalOrder(len(chosen), batch_size, device=chosen.device)
        for x, y, _ in chosen.loader(order, training=False):
            yield x.float().div_(self.max_value), y

    def example_inputs(self, count: int, steps: int | None = None) -> Tensor:
        """Made up: (count, ...) of the kind that a network takes, always the same; sequences of so many steps."""
        return torch.randn(count, *(self.input_shape or []), generator=torch.Generator().manual_seed(count))

    # The way of a batch on the device

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        x, y, key = batch
        training = self.trainer is not None and self.trainer.training
        x, y = self.prepare(x, y, key if training else None)
        if self.trainer and self.trainer.precision in ("16-true", "bf16-true", "64-true"):
            # Lightning converted the stored batch, whose pictures were integers then.
            x, y = self.trainer.precision_plugin.convert_input((x, y))
        return x, y

    def prepare(self, x: Tensor, y: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Stored samples to what a network takes; augmented if their keys are given."""
        if x.is_floating_point():
            return x, y
        known = self._device_statistics(x.device)
        if key is None or self.augmentation is None:
            return self._in_sequence(x.float().mul_(known.scale).add_(known.shift)), y
        if self.augmentation.mixes:
            y = F.one_hot(y, self._known_classes()).float()
        x, y = self.augmentation(x.float().div_(self.max_value), y, key)
        return self._in_sequence(x.sub(known.mean).div_(known.std)), y

    @property
    def own_units(self) -> str | None:
        """What ``normalize`` takes, in words; None of data that a network sees as they are."""
        if self.image_size is not None:
            return "pixels in [0, 1]"
        return "rows in the units of their columns" if self.columns else None

    def normalize(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [0, 1], or rows (B, num_features) in their own units, as a network sees them."""
        mean, std = self._own_statistics()
        return self._in_sequence((x - mean) / std)

    def denormalize(self, x: Tensor) -> Tensor:
        """What a network sees, back to pictures (B, C, H, W) in [0, 1], or rows in their own units."""
        if self.image_size is None:
            mean, std = self._own_statistics()
            return x * std + mean
        known = self._device_statistics(x.device)
        if self.as_sequence == "rows":
            x = x.unflatten(2, (len(known.mean), -1)).transpose(1, 2)
        elif self.as_sequence == "pixels":
            x = x.transpose(1, 2).unflatten(2, (self.image_size, -1))
        return (x * known.std + known.mean).clamp(0, 1)

    def _in_sequence(self, x: Tensor) -> Tensor:
        if self.as_sequence == "rows":
            return x.transpose(1, 2).flatten(2)  # (B, H, C * W)
        if self.as_sequence == "pixels":
            return x.flatten(2).transpose(1, 2)  # (B, H * W, C)
        return x

    def _own_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and std of each channel of pictures (C, 1, 1), or of each number of a row (num_features,)."""
        if self.image_size is not None:
            return self.pixel_statistics()
        mean, std = zip(
            *((each.mean, each.std) for each in self.columns for _ in range(each.num_features)), strict=True
        )
        return torch.tensor(mean), torch.tensor(std)

    def _device_statistics(self, device: torch.device) -> Statistics:
        """Kept on each device they were wanted on."""
        if device not in self._statistics:
            mean, std = self.pixel_statistics()
            whole = mean, std, 1 / (std * self.max_value), -mean / std
            self._statistics[device] = Statistics(*(each.to(device) for each in whole))
        return self._statistics[device]

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
