"""Cross-validation: the same folds for every network and seed, of every kind of labelled data, by ``train.py``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.data.core.module import DataModule
from netyard.data.core.splits import _quota, check_fold, holdout, one_fold
from netyard.errors import ConfigError, DataError
from support.datasets import build, write_mnist
from support.image_folders import copy_part, folder, names
from support.labelled_table import samples, table

TABLES = ["iris", "wine", "breast_cancer", "diabetes"]
OFFLINE = ["digits", "digits_rows", "fake", *TABLES]
PARTS = ("train", "val", "test")
Write = Callable[[str], Path]


def raw(name: str, **changes: Any) -> DataModule:
    """Data that are left as they are read: tables are not standardised."""
    statistics = {"mean": [0.0], "std": [1.0]} if name in TABLES else {}
    return build(name, **statistics, **changes)


@pytest.mark.parametrize("name", OFFLINE)
def test_folds_share_nothing_and_are_everything_but_the_test_part(name: str) -> None:
    whole, folds = raw(name), [raw(name, num_folds=5, fold=fold) for fold in range(5)]
    test = samples(whole, "test")
    everything = sum((samples(whole, part) for part in PARTS), Counter())
    for data in folds:
        assert samples(data, "test") == test
        assert samples(data, "train") + samples(data, "val") + test == everything
    assert sum((samples(data, "val") for data in folds), test) == everything
    assert samples(raw(name, num_folds=5), "val") == samples(folds[0], "val"), "the first, where none is named"


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "fake"])
def test_the_folds_of_data_keep_the_shares_of_classes(name: str) -> None:
    counts = torch.stack([build(name, num_folds=5, fold=fold).split("val").y.bincount() for fold in range(5)])
    assert (counts.max(dim=0).values - counts.min(dim=0).values).max() <= 1
    assert counts.sum(dim=1).max() - counts.sum(dim=1).min() <= 1


@pytest.mark.parametrize("name", ["digits", "wine", "diabetes"])
def test_only_the_data_and_their_own_seed_decide_the_folds(name: str) -> None:
    first = raw(name, num_folds=3, fold=1)
    other = raw(name, num_folds=3, fold=1, seed=7, batch_size=5, val_fraction=0.5)
    moved = raw(name, num_folds=3, fold=1, split_seed=7)
    for part in PARTS:
        assert torch.equal(first.split(part).content["x"], other.split(part).content["x"])
        assert torch.equal(first.split(part).content["y"], other.split(part).content["y"])
    assert samples(first, "val") != samples(moved, "val") and samples(first, "test") == samples(moved, "test")


def test_each_fold_measures_its_own_training_part() -> None:
    means = []
    for fold in range(3):
        data = build("wine", num_folds=3, fold=fold)
        x = data.split("train").x
        assert x.mean(dim=0).abs().max() < 1e-4 and (x.std(dim=0, correction=0) - 1).abs().max() < 1e-4
        assert data.split("val").x.mean(dim=0).abs().max() > 1e-3
        means.append(data.mean)
    assert all(one != other for one, other in combinations(means, 2))


def test_an_official_test_part_stays_one(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    whole, folds = (
        build("mnist", root=str(tmp_path)),
        [build("mnist", root=str(tmp_path), num_folds=4, fold=fold) for fold in range(4)],
    )
    assert all(samples(data, "test") == samples(whole, "test") for data in folds)
    assert sum((samples(data, "val") for data in folds), Counter()) == samples(whole, "train") + samples(whole, "val")


@pytest.mark.parametrize("official_test", [False, True])
def test_a_validation_folder_is_cut_into_folds_and_never_tests(
    tmp_path: Path, picture_folder: Path, official_test: bool
) -> None:
    root = tmp_path / "parts"
    copy_part(picture_folder, root / "train", range(7))
    copy_part(picture_folder, root / "val", range(7, 10))
    if official_test:
        copy_part(picture_folder, root / "test", range(10, 12))
    whole, folds = folder(root), [folder(root, num_folds=3, fold=fold) for fold in range(3)]
    parts = [{part: names(data, part) for part in PARTS} for data in (whole, *folds)]
    plain, *cut = [{part: set(each[part]) for part in PARTS} for each in parts]
    assert all(each["test"] == plain["test"] for each in cut)
    assert all(each["train"] | each["val"] == plain["train"] | plain["val"] for each in cut)
    assert all(not one["val"] & other["val"] for one, other in combinations(cut, 2))
    assert sum(len(each["val"]) for each in cut) == len(plain["train"]) + len(plain["val"])
    for data in folds:  # every picture keeps its label
        split = data.split("val")
        assert [path.parent.name for path in split.paths] == [["ape", "bee", "cat"][label] for label in split.y]


@pytest.mark.parametrize("target", ["label", "income"])
def test_a_table_of_the_users_own(write_csv: Write, target: str) -> None:
    given = {"path": str(write_csv(table())), "target": target, "drop": ["text"]}
    whole, folds = build("csv", **given), [build("csv", **given, num_folds=4, fold=fold) for fold in range(4)]

    def rows(data: DataModule, part: str) -> list[int]:
        x, age = data.split(part).x[:, 0].double(), data.columns[0]
        return [round(value) for value in (x * age.std + age.mean).tolist()]

    assert all(sorted(rows(data, "test")) == sorted(rows(whole, "test")) for data in folds)
    assert sorted(row for data in folds for row in rows(data, "val")) == sorted(
        rows(whole, "train") + rows(whole, "val")
    )
    assert len({data.columns[0].mean for data in folds}) == 4, "learned from the training part of each"


def test_texts_of_the_users_own(write_csv: Write) -> None:
    path = str(write_csv(table()))
    folds = [build("sentiment", path=path, num_folds=4, fold=fold, min_count=1) for fold in range(4)]
    for data in folds:
        known = {word for word in data.decode(data.split("train").x.flatten()).split() if "number" in word}
        assert len(known) == len(data.split("train")) == 36, "the vocabulary is of the training part"
    assert [len(data.split("val")) for data in folds] == [12] * 4
    assert all(data.split("val").y.bincount().tolist() == [8, 4] for data in folds)


def test_a_class_too_rare_for_the_folds_is_named(write_csv: Write) -> None:
    lines = table().replace(",pos,", ",rare,", 2)
    data = build("csv", path=str(write_csv(lines)), target="label", num_folds=5)
    with pytest.raises(DataError, match=r"num_folds is 5, and class number 2 has \d sample"):
        data.setup()


@pytest.mark.parametrize("num_samples", [2, 3, 10, 997])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_parts_are_every_sample_once(num_samples: int, fraction: float) -> None:
    stays, goes = holdout(torch.arange(num_samples) % 3, fraction, seed=0)
    assert torch.equal(torch.cat([stays, goes]).sort().values, torch.arange(num_samples))
    assert len(goes) == min(max(round(num_samples * fraction), 1), num_samples - 1)


def test_classes_keep_their_shares() -> None:
    labels = torch.tensor([0] * 700 + [1] * 200 + [2] * 95 + [3] * 5)
    stays, goes = holdout(labels, 0.2, seed=0)
    assert torch.bincount(labels[goes]).tolist() == [140, 40, 19, 1]
    assert torch.bincount(labels[stays]).tolist() == [560, 160, 76, 4]


def test_rare_class_stays_in_training() -> None:
    labels = torch.tensor([0] * 50 + [1])
    for seed in range(20):
        stays, _ = holdout(labels, 0.5, seed)
        assert 50 in stays


def test_one_sample_a_class_still_gives_a_part() -> None:
    stays, goes = holdout(torch.arange(100), 0.1, seed=0)
    assert (len(stays), len(goes)) == (90, 10)


def test_seed_decides() -> None:
    labels = torch.arange(100) % 4
    assert torch.equal(holdout(labels, 0.2, 1)[1], holdout(labels, 0.2, 1)[1])
    assert not torch.equal(holdout(labels, 0.2, 1)[1], holdout(labels, 0.2, 2)[1])


def test_regression_targets_are_cut_at_random() -> None:
    stays, goes = holdout(torch.randn(50, 2), 0.2, seed=0)
    assert (len(stays), len(goes)) == (40, 10)


def test_refusals() -> None:
    for fraction in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            holdout(torch.arange(10), fraction, seed=0)
    with pytest.raises(DataError, match="has 1 sample"):
        holdout(torch.zeros(1, dtype=torch.long), 0.1, seed=0)


@pytest.mark.parametrize("labels", [torch.arange(103) % 3, torch.randn(103, 2)], ids=["classes", "numbers"])
@pytest.mark.parametrize("num_folds", [2, 5, 34])
def test_folds_are_disjoint_and_cover_everything(labels: torch.Tensor, num_folds: int) -> None:
    cuts = [one_fold(labels, num_folds, fold, seed=0) for fold in range(num_folds)]
    assert torch.equal(torch.cat([goes for _, goes in cuts]).sort().values, torch.arange(103))
    for stays, goes in cuts:
        assert torch.equal(torch.cat([stays, goes]).sort().values, torch.arange(103))
        assert len(goes) in (103 // num_folds, 103 // num_folds + 1)


def test_the_seed_decides_the_folds() -> None:
    labels = torch.arange(100) % 4
    assert torch.equal(one_fold(labels, 5, 2, 1)[1], one_fold(labels, 5, 2, 1)[1])
    assert not torch.equal(one_fold(labels, 5, 2, 1)[1], one_fold(labels, 5, 2, 2)[1])
    assert not torch.equal(one_fold(labels, 5, 2, 1)[1], torch.arange(2, 100, 5)), "not in the order of the file"


def test_more_folds_than_samples_are_refused() -> None:
    rare = torch.tensor([0] * 9 + [2] * 3)
    with pytest.raises(DataError, match=r"num_folds is 4, and class number 2 has 3 sample.*every class; try .*=3\."):
        one_fold(rare, 4, 0, seed=0)
    assert len(one_fold(rare, 3, 0, seed=0)[1]) == 4
    with pytest.raises(DataError, match=r"class number 1 has 1 sample.*add samples, or leave that class out"):
        one_fold(torch.tensor([0, 0, 1]), 2, 0, seed=0)
    with pytest.raises(DataError, match=r"there are 3 sample.*try data\.num_folds=3"):
        one_fold(torch.zeros(3, 1), 4, 0, seed=0)


def test_folds_that_are_none() -> None:
    for num_folds, fold in ((None, None), (2, None), (2, 0), (2, 1)):
        check_fold(num_folds, fold)
    with pytest.raises(ConfigError, match=r"data\.fold is 0, and data\.num_folds is null.*try data\.num_folds=5"):
        check_fold(None, 0)
    with pytest.raises(ConfigError, match=r"num_folds is 1.*at least 2"):
        check_fold(1, 0)
    for fold in (-1, 5):
        with pytest.raises(ConfigError, match=rf"data\.fold is {fold} of data\.num_folds=5; folds are 0 to 4"):
            check_fold(5, fold)


def test_folds_keep_the_shares_of_classes() -> None:
    labels = torch.tensor([0] * 71 + [1] * 23 + [3] * 5)[torch.randperm(99)]  # nobody is of class 2
    counts = torch.stack([torch.bincount(labels[one_fold(labels, 5, fold, seed=1)[1]]) for fold in range(5)])
    assert (counts.max(dim=0).values - counts.min(dim=0).values).tolist() == [1, 1, 0, 0]
    assert counts[:, 3].tolist() == [1] * 5


def test_what_is_held_out_is_pinned() -> None:
    """A change here moves the test part of every run: make it on purpose or not at all."""
    assert holdout(torch.arange(20) % 3, 0.3, seed=4)[1].tolist() == [6, 8, 13, 15, 16, 17]
    assert holdout(torch.zeros(10, 2), 0.3, seed=4)[1].tolist() == [0, 6, 8]
    assert holdout(torch.arange(10), 0.3, seed=4)[1].tolist() == [2, 4, 8]
    folds = [one_fold(torch.arange(10) % 2, 3, fold, seed=4)[1].tolist() for fold in range(3)]
    assert folds == [[2, 3, 6, 9], [4, 7, 8], [0, 1, 5]]


@pytest.mark.parametrize(
    ("counts", "wanted", "quota"),
    [
        ([7, 2, 1], 4, [3, 1, 0]),  # 2.8, 0.8 and 0.4: two are missing, and go where most was cut off
        ([10, 10, 10], 4, [2, 1, 1]),  # of equals the first
        ([2, 4, 14], 13, [1, 3, 9]),  # 1.3, 2.6 and 9.1
        ([1, 0, 9], 9, [0, 0, 8]),  # never all of a class
    ],
)
def test_each_class_gives_its_share_by_largest_remainders(counts: list[int], wanted: int, quota: list[int]) -> None:
    assert _quota(torch.tensor(counts), wanted).tolist() == quota


def test_a_refused_split_says_what_to_type() -> None:
    with pytest.raises(ConfigError, match=r"fraction is 1\.5;.* try data\.val_fraction=0\.1\.$"):
        holdout(torch.arange(10), 1.5, seed=0)
    with pytest.raises(ConfigError, match=r"try data\.fold=4\.$"):
        check_fold(5, 5)
    with pytest.raises(DataError, match=r"class number 1 has 2 sample.* try data\.num_folds=2\.$"):
        one_fold(torch.tensor([0, 0, 0, 1, 1]), 3, 0, seed=0)
    with pytest.raises(DataError, match=r"class number 0 has 0 sample\(s\).*; add samples, or leave that class out\.$"):
        one_fold(torch.zeros(0, dtype=torch.long), 2, 0, seed=0)
