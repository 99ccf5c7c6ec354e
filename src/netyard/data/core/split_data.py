"""Splits of a data set: read, cut, checked, described, and remembered with a run."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from netyard.data.core import duplicates
from netyard.data.core.fields import DataFields
from netyard.data.core.file_keys import key_of_files
from netyard.data.core.splits import Groups, hold_out
from netyard.data.core.tensors import Split, TensorSplit, check_split
from netyard.data.tables.columns import Column
from netyard.errors import ConfigError, DataError
from netyard.io.fingerprint import fingerprint
from netyard.io.readable import listed

log = logging.getLogger(__name__)


class SplitData(DataFields):
    """A data set as ``train``, ``val`` and ``test``; see ``DataModule``."""

    UNIT: ClassVar[str] = "samples"
    """What the numbers of the summary count."""
    GIVEN: ClassVar[tuple[str, str] | None] = None
    """The field that names the user's files, and what is in them: ``("path", "rows")``; None for other data."""

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
        if count == 1:
            what = re.sub(r"\b(file|image|row)s\b", r"\1", what, count=1)
        self.left_out.append({"what": what, "count": count, "why": why})

    def cut(self, labels: Tensor, source: str, groups: Groups = None) -> dict[str, Tensor]:
        """Indices of the samples of each split, by the labels of all samples of ``source``: int64, ascending.

        Args:
            groups: the group of each sample; samples of a group are in one split.
        """
        if self._tests_all:
            return self.everything(torch.arange(len(labels)), source)
        self.sources = {
            "train": source,
            **{name: self.splitter.source(name) for name in ("val", "test") if self.splitter.cuts(name)},
        }
        parts = self.splitter.indices(labels, groups, self.separate)
        # What is learned of the training samples, such as a vocabulary, is learned of the subset.
        parts["train"] = parts["train"][self._subset_of(labels[parts["train"]])]
        if groups is not None:
            self.groups = {name: len({groups[i] for i in index.tolist()}) for name, index in parts.items()}
        return parts

    def everything(self, samples: Any, source: str) -> dict[str, Any]:
        """All samples of ``source`` as each split: see ``test_all``."""
        self.sources = dict.fromkeys(("train", "val", "test"), source)
        return dict.fromkeys(("train", "val", "test"), samples)

    @property
    def separate(self) -> dict[str, str]:
        """The files that the validation and the test split are read from, for data that have fields for them."""
        key = self.GIVEN[0] if self.GIVEN else ""
        found = {name: getattr(self, f"{name}_{key}", None) for name in ("val", "test")}
        return {name: str(each) for name, each in found.items() if each is not None}

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
        if self.num_targets not in (None, 1 if split.y.ndim == 1 else split.y.shape[1]):
            raise DataError(
                f"data.num_targets is {self.num_targets};",
                f"the {name} targets have the shape {list(split.y.shape)};",
                "leave data.num_targets as the data's yaml has it.",
            )
        if self.class_names is not None and self.num_classes not in (None, len(self.class_names)):
            raise DataError(
                f"data.num_classes is {self.num_classes};",
                f"the data have {len(self.class_names)} classes: {listed(self.class_names, 8)};",
                f"try data.num_classes={len(self.class_names)}.",
            )

    def count_duplicates(self) -> tuple[dict[str, int] | None, str]:
        """Identical samples in each pair of splits; or None and the reason why they were not counted."""
        return duplicates.between_splits(self._splits)

    def fit_normalization(self, splits: dict[str, Split]) -> None:
        """Measure on the training split what the config leaves open of its normalisation."""

    # Splits

    def setup(self, stage: str | None = None) -> None:
        # Data are read once: a second reading would also standardise a table twice.
        if self._splits:  # Lightning calls this once for fit and again for test
            return
        self.sources, self.left_out, self.groups, self._has_subset = {}, [], {}, False
        self._require_one_validation()
        splits = self.read()
        for name, split in splits.items():
            self.check_split(name, split)
            self.sources.setdefault(name, "the data set")
        if not self._tests_all:
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

    def _require_one_validation(self) -> None:
        if self.num_folds is not None and "val" in self.separate and self.GIVEN is not None:
            raise ConfigError(
                f"data.num_folds is {self.num_folds}, and data.val_{self.GIVEN[0]} is given;",
                "of a cross-validation one fold validates;",
                f"leave out data.val_{self.GIVEN[0]}, or data.num_folds.",
            )

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
        """One of ``train``, ``val``, ``test``.

        Raises:
            DataError: the data have no such split.
        """
        self.setup()
        self.require_split(name)
        return self._splits[name] if self.data_of(name) is self else self.data_of(name).split(name)

    def has_split(self, name: str) -> bool:
        """Whether the data have a split: with ``test_fraction=0`` there is none for testing."""
        self.setup()
        return name in self._splits

    def require_split(self, name: str) -> None:
        """Refuse to go on without a split.

        Raises:
            DataError: the data do not have it.
        """
        if self.has_split(name):
            return
        part, key = {"val": ("validation", "val"), "test": ("test", "test")}.get(name, (name, name))
        other = f" data.{self.GIVEN[0]}=..." if self.GIVEN else " data=..., on other data"
        raise DataError(
            f"the data have no {part} part: data.{key}_fraction is 0;",
            f"with data.{key}_fraction=0 everything is used for training;",
            f"test the network by netyard evaluate RUN_DIR{other}"
            if name == "test"
            else f"try data.{key}_fraction=0.1.",
        )

    # The files that a trained network is tested on

    def test_all(self) -> None:
        """Before ``setup``: the given files are not those of training, and all of their samples are tested."""
        self._tests_all = True
        for name in self.separate:
            setattr(self, f"{name}_{(self.GIVEN or ('',))[0]}", None)

    @property
    def tests_all(self) -> bool:
        """Whether every split is all of the samples, of which none was trained on."""
        return self._tests_all

    def train_on(self, data: Callable[[], SplitData]) -> None:
        """For tests that read a training split, such as probes of codes: that of the run, read when it is needed."""
        self._training_data = data

    @property
    def has_training(self) -> bool:
        """Whether there is a training split that is not the test split, too."""
        return not self._tests_all or self._training_data is not None

    def data_of(self, name: str) -> Any:
        """The data that a split is read from."""
        if name == "test" or self._training_data is None:
            return self
        if callable(self._training_data):
            self._training_data = self._training_data()
            self._training_data.trainer = self.trainer
        return self._training_data

    def files_key(self) -> str | None:
        """A hash of the content of the user's files, wherever they are; None for other data."""
        if self.GIVEN is None:
            return None
        if self._files_key is None:
            self._files_key = key_of_files(Path(str(getattr(self, self.GIVEN[0]))).expanduser())
        return self._files_key

    def summary(self) -> dict[str, Any]:
        """What was read, in plain types: what netyard has guessed about the data, and what a mistake in them shows in.

        ``splits``: samples and source of each; ``classes``: training samples by name, None without classes; ``labels``:
        the same of labels, which a sample may have several of; ``remarks``: sentences about them;
        ``left_out``: what, count and why; ``duplicates``: identical samples in two splits, ``{"train-test": n, ...}``,
        None with ``duplicates_note`` if they were not counted. A data set may add keys.
        """
        self.prepare_data()
        self.setup()
        found, note = self.count_duplicates()
        labels = self._label_counts()
        never = [name for name, count in (labels or {}).items() if not count]
        shown = listed([*map(repr, never)], 5)
        return {
            "unit": self.UNIT,
            "splits": {
                name: {"samples": len(self._splits[name]), "source": self.sources[name]}
                for name in ("train", "val", "test")
                if name in self._splits
            },
            "classes": self._class_counts(),
            **({} if labels is None else {"labels": labels}),
            **({"remarks": [f"no training sample has the label {shown}"]} if never else {}),
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
        found = dict(zip(self.output_names(), counts, strict=True))
        return {name: count for name, count in found.items() if count or self.normal is None}

    def _label_counts(self) -> dict[str, int] | None:
        y = self._splits["train"].y
        if self.num_labels is None or y.is_floating_point() or y.ndim != 2:
            return None
        return dict(zip(self.output_names(), y.sum(dim=0).tolist(), strict=True))

    def output_names(self) -> list[str]:
        """The names of classes or labels, or of several targets, in their order; empty for data without any."""
        if self.target_names:
            return self.target_names
        return self.class_names or [str(number) for number in range(self.num_classes or self.num_labels or 0)]

    # State: what prediction needs to know of the training split. Lightning saves it under the name of the class.

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training split, in plain types."""
        columns = [column.state() for column in self.columns]
        state = {
            "class_names": self.class_names,
            "target_names": self.target_names,
            "columns": columns,
            "statistics": self._image_statistics,
            "fingerprint": self._fingerprint,
            "fingerprints": self._fingerprints,
            "fingerprint_of_files": self.files_key() if self._splits else None,
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
        self.target_names = state_dict.get("target_names")
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
