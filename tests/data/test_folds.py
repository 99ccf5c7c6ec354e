"""Cross-validation: the same folds for every network and seed, of every kind of labelled data, by ``train.py``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from making_data import build, write_cifar, write_mnist
from test_folders import copy_part, folder, names

from netyard import build as builder
from netyard import checkpoint
from netyard.data.module import DataModule
from netyard.errors import DataError

TABLES = ["iris", "wine", "breast_cancer", "diabetes"]
OFFLINE = ["digits", "digits_rows", "fake", *TABLES]
PARTS = ("train", "val", "test")
Write = Callable[[str], Path]


def raw(name: str, **changes: Any) -> DataModule:
    """Data that are left as they are read: tables are not standardised."""
    statistics = {"mean": [0.0], "std": [1.0]} if name in TABLES else {}
    return build(name, **statistics, **changes)


def samples(data: DataModule, part: str) -> Counter[tuple[bytes, bytes]]:
    """The samples of a part, each with how often it is there."""
    split = data.split(part)
    return Counter((x.numpy().tobytes(), y.numpy().tobytes()) for x, y in zip(split.x, split.y, strict=True))


def table(rows: int = 60) -> str:
    lines = ["age,city,text,label,income"]
    for row in range(rows):
        words = f"a {['good', 'bad', 'dull'][row % 3]} film number{row}"
        lines.append(f"{row},{['Rome', 'Oslo'][row % 2]},{words},{['pos', 'neg', 'neg'][row % 3]},{1000.5 * row}")
    return "\n".join(lines) + "\n"


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
def test_folds_keep_the_shares_of_classes(name: str) -> None:
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


KINDS = {
    "pictures": ["model=cnn_tiny", "data=digits"],
    "rows of pictures": ["model=lstm_tiny", "data=digits_rows"],
    "a table": ["model=mlp_tiny", "data=wine"],
    "numbers to predict": ["model=mlp_tiny", "data=diabetes"],
    "made up": ["model=cnn_tiny", "data=fake", "data.size=100"],
    "mnist": ["model=mlp_tiny", "data=mnist", "data.root=ROOT"],
    "fashion": ["model=lstm_tiny", "data=fashion_mnist_rows", "data.root=ROOT"],
    "cifar": ["model=mlp_tiny", "data=cifar10", "data.root=ROOT"],
    "folders": ["model=cnn_tiny", "data=image_folder", "data.root=ROOT/pictures", "data.image_size=16"],
    "csv": ["model=mlp_tiny", "data=csv", "data.path=ROOT/table.csv", "data.target=label", "data.drop=[text]"],
    "texts": ["model=lstm_tiny", "data=sentiment", "data.path=ROOT/table.csv"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_fold_of_every_kind_of_data(
    train, tmp_path: Path, picture_folder: Path, write_csv: Write, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    write_csv(table())
    write_mnist(tmp_path)
    write_cifar(tmp_path, 10)
    monkeypatch.setattr("netyard.data.torchvision_sets.TorchvisionImages._is_there", lambda data: True)
    monkeypatch.setattr("torchvision.datasets.CIFAR10._check_integrity", lambda data: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *given: True)
    given = [text.replace("ROOT", str(tmp_path)) for text in KINDS[kind]]
    ran = train(*given, "data.num_folds=3", "data.fold=2", "debug=smoke", "logger=none")
    assert ran.code == 0, ran.err
    recorded = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["netyard"]["config"]["data"]
    assert (recorded["num_folds"], recorded["fold"]) == (3, 2)


def test_folds_are_an_axis_of_a_sweep_the_same_for_every_network_and_seed(train, tmp_path: Path) -> None:
    axes = ("model=mlp_tiny,cnn_tiny", "data.fold=0,1", "data.num_folds=5", "trainer.max_epochs=1", "logger=none")
    ran = train("-m", *axes, f"hydra.sweep.dir={tmp_path}")
    assert ran.code == 0, ran.err
    again = train("model=mlp_tiny", "data.fold=1", *axes[2:], "seed=3", path=tmp_path / "seed")
    assert again.code == 0, again.err
    validated = []
    for where in (*map(str, range(4)), "seed"):  # the network, then the fold
        config = checkpoint.read(tmp_path / where / "checkpoints" / "best.ckpt")["netyard"]["config"]["data"]
        data = builder.build(config)
        validated.append((samples(data, "val"), samples(data, "test")))
    assert validated[0] == validated[2] and validated[1] == validated[3] == validated[4]
    assert not validated[0][0] & validated[1][0] and validated[0][1] == validated[1][1]


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["data.fold=0"], 2, ["data.fold is 0, and data.num_folds is null", "try data.num_folds=5 data.fold=0"]),
        (["data.num_folds=1"], 2, ["data.num_folds is 1", "at least 2", "try data.num_folds=5"]),
        (["data.num_folds=3", "data.fold=3"], 2, ["data.fold is 3", "folds are 0 to 2", "try data.fold=2"]),
        (["data.num_folds=3", "data.fold=-1"], 2, ["data.fold is -1", "folds are 0 to 2"]),
        (["data.num_folds=3", "data.fold=last"], 2, ["data.fold is 'last'", "folds are 0 to 2"]),
        (["data=iris", "model=mlp", "data.num_folds=60"], 3, ["num_folds is 60", "40 sample(s)", "=40."]),
        (
            ["model=gru", "data=sunspots", "data.num_folds=5"],
            2,
            ["data has no key 'data.num_folds'", "try data=breast_cancer"],
        ),
        (["model=lstm", "data=python_source", "data.fold=1"], 2, ["data has no key 'data.fold'", "take it out"]),
        (["model=dqn", "data.num_folds=5", "data.fold=1"], 2, ["data has no key 'data.num_folds'", "digits"]),
    ],
)
def test_a_mistake_is_answered(train, overrides: list[str], code: int, words: list[str]) -> None:
    ran = train(*overrides)
    assert ran.code == code, ran.err
    assert ran.err.count("\n") == 1 and ran.err.startswith("error: ")
    for word in words:
        assert word in ran.err
    assert not ran.path.exists()


def test_a_class_too_rare_for_the_folds_is_named(write_csv: Write) -> None:
    lines = table().replace(",pos,", ",rare,", 2)
    data = build("csv", path=str(write_csv(lines)), target="label", num_folds=5)
    with pytest.raises(DataError, match=r"num_folds is 5, and class number 2 has \d sample"):
        data.setup()
