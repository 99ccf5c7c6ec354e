"""Cutting a data set into splits, the same on every machine and for every training seed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netyard.data.core.groups import fold_of_groups, holdout_groups
from netyard.data.core.keys import SPLIT, sample_keys
from netyard.data.core.label_splits import parts_of
from netyard.data.core.tensors import Split
from netyard.errors import ConfigError, DataError

TEST_SEED = 0
"""Seed of the test split of data sets without an official one. It is fixed, so that scores stay comparable."""


Groups = Sequence[str] | None
"""The group of each sample, which stays in one split; None: samples are split one by one."""


@dataclass(frozen=True)
class Splitter:
    """Cuts the splits that a data set does not have: a test split of all samples, then a validation split of the rest.

    Args:
        val_fraction: fraction of the samples for validation that are not in the test split; unused with folds.
        test_fraction: fraction of all samples for testing.
        seed: which samples validate. The test split does not depend on it.
        num_folds: for cross-validation; None: one validation split of ``val_fraction``.
        fold: the fold that validates, from 0; None: the first.

    Raises:
        ConfigError: see ``check_fold``.
    """

    val_fraction: float
    test_fraction: float
    seed: int
    num_folds: int | None = None
    fold: int | None = None

    def __post_init__(self) -> None:
        check_fold(self.num_folds, self.fold)

    def cuts(self, name: str) -> bool:
        """Whether the validation or test split is cut; with a fraction of 0 there is none."""
        if name == "val" and self.num_folds is not None:
            return True
        return (self.val_fraction if name == "val" else self.test_fraction) > 0

    def source(self, name: str) -> str:
        """Where the validation or test split comes from, for the summary of the data."""
        if name == "test":
            return f"drawn from the training samples, test_fraction={self.test_fraction:g}"
        if self.num_folds is not None:
            return f"fold {self.fold or 0} of {self.num_folds} of the training samples"
        return f"drawn from the training samples, val_fraction={self.val_fraction:g}"

    def complete(self, splits: dict[str, Split]) -> list[str]:
        """Cut the missing ones of ``test`` and ``val`` from ``train``, in place; return the names of those cut."""
        missing = [name for name in ("test", "val") if name not in splits and self.cuts(name)]
        # The test split is cut first, so that neither val_fraction nor the folds move a sample of it.
        for name, cut in (("test", self.test), ("val", self.validation)):
            if name in missing:
                stays, goes = cut(splits["train"].y, getattr(splits["train"], "groups", None))
                splits["train"], splits[name] = splits["train"].take(stays), splits["train"].take(goes)
        return missing

    def indices(self, labels: Tensor, groups: Groups = None, given: Collection[str] = ()) -> dict[str, Tensor]:
        """Indices of the samples of each split, by the labels of all samples: int64, ascending.

        Args:
            given: splits that are not cut, because other files have them.
        """
        found = {"train": torch.arange(len(labels))}
        for name, cut in (("test", self.test), ("val", self.validation)):
            if name not in given and self.cuts(name):
                rest = found["train"]
                stays, goes = cut(labels[rest], None if groups is None else [groups[i] for i in rest.tolist()])
                found["train"], found[name] = rest[stays], rest[goes]
        return {name: found[name] for name in ("train", "val", "test") if name in found}

    def test(self, labels: Tensor, groups: Groups = None) -> tuple[Tensor, Tensor]:
        """Indices of the samples that are not tested on, and of those that are."""
        if groups is not None:
            return holdout_groups(labels, groups, self.test_fraction, TEST_SEED)
        return holdout(labels, self.test_fraction, TEST_SEED)

    def validation(self, labels: Tensor, groups: Groups = None) -> tuple[Tensor, Tensor]:
        """Indices of the samples for training and for validation, among those that are not in the test split."""
        if groups is not None and self.num_folds is None:
            return holdout_groups(labels, groups, self.val_fraction, self.seed)
        if groups is not None and self.num_folds is not None:
            return fold_of_groups(labels, groups, self.num_folds, self.fold or 0, self.seed)
        if self.num_folds is None:
            return holdout(labels, self.val_fraction, self.seed)
        return one_fold(labels, self.num_folds, self.fold or 0, self.seed)


def holdout(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the remaining and of the held-out samples, each ascending; together they are every sample once.

    Integer labels (N,) are stratified: the same fraction of each class is held out, and at least one sample of each
    remains if possible; so are several labels of a sample, (N, num_labels) with 0 and 1, see ``label_splits``. With
    float labels (N, num_targets) samples are held out at random.

    Raises:
        ConfigError: the fraction is not strictly between 0 and 1.
        DataError: fewer than two samples.
    """
    if not 0 < fraction < 1:
        raise ConfigError(
            f"the held-out fraction is {fraction}; it must be above 0 and below 1;",
            type_this="try data.val_fraction=0.1.",
        )
    # At least one sample on either side, whatever the fraction rounds to.
    return hold_out(labels, min(max(round(len(labels) * fraction), 1), len(labels) - 1), seed)


def hold_out(labels: Tensor, wanted: int, seed: int) -> tuple[Tensor, Tensor]:
    """As ``holdout``, of a number of samples below all."""
    num_samples = len(labels)
    if num_samples < 2:
        raise DataError(
            f"the data set has {num_samples} sample(s), too few for a held-out split;",
            "at least one sample is held out and one remains;",
            "add samples.",
        )
    if _are_sets(labels):
        held = torch.from_numpy(parts_of(labels, [num_samples - wanted, wanted], seed) == 1)
        return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)
    classes = _classes(labels)
    order = _by_class(classes, seed)
    counts = torch.bincount(classes)
    place = torch.arange(num_samples) - (counts.cumsum(0) - counts)[classes[order]]  # within its class
    quota = _quota(counts, wanted)[classes[order]]
    # Quotas may add up to fewer than wanted, for example 0 if each class has one sample. The rest is filled with any
    # samples (rank 1), and with the last one of a class only if nothing else is left (rank 2).
    rank = torch.where(place < quota, 0, torch.where(place < counts[classes[order]] - 1, 1, 2))
    # At random within a rank: a stable sort by rank of samples in random order.
    mixed = sample_keys(seed, 1, order, SPLIT).argsort(stable=True)
    taken = order[mixed[rank[mixed].argsort(stable=True)]][:wanted]
    held = torch.zeros(num_samples, dtype=torch.bool)
    held[taken] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


def one_fold(labels: Tensor, num_folds: int, fold: int, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the samples outside of a fold and of those in it, each ascending; together they are every sample.

    The folds depend on the labels and the seed alone, and each sample is in one of them. Integer labels (N,) are
    stratified: two folds differ by at most one sample, in total and in each class. Several labels of a sample,
    (N, num_labels), are stratified by ``label_splits``. With float labels (N, num_targets) samples are assigned at
    random.

    Raises:
        DataError: there are more folds than samples, or than samples of a class.
    """
    classes = _classes(labels)
    counts = torch.bincount(classes)
    fewest, rarest = min(((count, label) for label, count in enumerate(counts.tolist()) if count), default=(0, 0))
    if fewest < num_folds:
        what = "there are" if labels.is_floating_point() or labels.ndim > 1 else f"class number {rarest} has"
        raise DataError(
            f"data.num_folds is {num_folds}, and {what} {fewest} sample(s) outside the test split;",
            "every fold needs a sample of every class;",
            f"try data.num_folds={fewest}." if fewest > 1 else "add samples, or leave that class out.",
        )
    if _are_sets(labels):
        sizes = [len(part) for part in torch.arange(len(labels)).tensor_split(num_folds)]
        inside = torch.from_numpy(parts_of(labels, sizes, seed) == fold)
        return (~inside).nonzero().squeeze(1), inside.nonzero().squeeze(1)
    folds = torch.empty_like(classes)
    # Round-robin over samples sorted by class, without starting anew at each class: the remainders of the classes then
    # go to different folds, not all to the first.
    folds[_by_class(classes, seed)] = torch.arange(len(classes)) % num_folds
    return (folds != fold).nonzero().squeeze(1), (folds == fold).nonzero().squeeze(1)


def check_fold(num_folds: int | None, fold: int | None) -> None:
    """Refuse a fold that does not exist.

    Raises:
        ConfigError: fewer than two folds; a fold outside of 0 .. num_folds - 1, or without a number of folds.
    """
    if num_folds is None and fold is None:
        return
    if num_folds is None:
        raise ConfigError(
            f"data.fold is {fold}, and data.num_folds is null;",
            "a fold needs the number of folds;",
            f"try data.num_folds=5 data.fold={fold}, or leave data.fold out.",
        )
    if num_folds < 2:
        raise ConfigError(
            f"data.num_folds is {num_folds};",
            "one fold validates and the others train, so it must be at least 2;",
            "try data.num_folds=5.",
        )
    if fold is not None and fold not in range(num_folds):
        raise ConfigError(
            f"data.fold is {fold!r} of data.num_folds={num_folds};",
            f"folds are 0 to {num_folds - 1};",
            f"try data.fold={num_folds - 1}.",
        )


def _classes(labels: Tensor) -> Tensor:
    """The class by which each sample is stratified: int64 (N,); one class for all if labels are floats or sets."""
    if labels.is_floating_point() or labels.ndim > 1:
        return torch.zeros(len(labels), dtype=torch.long)
    return labels.cpu()


def _are_sets(labels: Tensor) -> bool:
    """Whether each sample has a set of labels, (N, num_labels) with 0 and 1."""
    return labels.ndim == 2 and not labels.is_floating_point()


def _by_class(classes: Tensor, seed: int) -> Tensor:
    """Indices of the samples sorted by class, in random order within each: int64 (N,)."""
    # Sorted by a hash of the index: no random generator, so the same on every machine and version of torch.
    order = sample_keys(seed, 0, torch.arange(len(classes)), SPLIT).argsort(stable=True)
    return order[classes[order].argsort(stable=True)]


def _quota(counts: Tensor, wanted: int) -> Tensor:
    """Samples to hold out of each class, by the largest remainder method and never all: (num_classes,) of both."""
    # float64: float32 would round counts above 2**24.
    share = counts.double() * wanted / counts.sum()
    quota = share.floor().long()
    remainder = (share - quota).argsort(descending=True, stable=True)
    quota[remainder[: wanted - int(quota.sum())]] += 1
    # A class of which nothing remains could not be learned.
    return torch.minimum(quota, (counts - 1).clamp(min=0))
