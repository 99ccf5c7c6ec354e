"""Cross-validation: the same folds for every network and seed, of every kind of labelled data, by ``train.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netyard.config import instantiate as builder
from netyard.training import checkpoint
from support.cross_validation import check_fold, check_mistake
from support.labelled_table import samples, table

Write = Callable[[str], Path]


@pytest.mark.parametrize("kind", ["numbers to predict", "folders", "texts"])
def test_one_fold_of_a_kind_of_data(train, tmp_path: Path, picture_folder: Path, write_csv: Write, kind: str) -> None:
    write_csv(table())
    check_fold(train, kind, tmp_path)


def test_folds_are_the_same_for_every_network_and_seed(train, tmp_path: Path) -> None:
    validated = []
    runs = ("model=mlp_tiny data.fold=0", "model=mlp_tiny data.fold=1", "model=cnn_tiny data.fold=1 seed=3")
    for number, words in enumerate(runs):
        ran = train(*words.split(), "data.num_folds=5", "debug=smoke", "logger=none", path=tmp_path / str(number))
        assert ran.code == 0, ran.err
        config = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["netyard"]["config"]["data"]
        data = builder.build(config)
        validated.append((samples(data, "val"), samples(data, "test")))
    assert validated[1] == validated[2]
    assert not validated[0][0] & validated[1][0] and validated[0][1] == validated[1][1]


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["data.fold=0"], 2, ["data.fold is 0, and data.num_folds is null", "try data.num_folds=5 data.fold=0"]),
        (["data.num_folds=3", "data.fold=3"], 2, ["data.fold is 3", "folds are 0 to 2", "try data.fold=2"]),
        (["data.num_folds=3", "data.fold=-1"], 2, ["data.fold is -1", "at least 0"]),
        (["data=iris", "model=mlp", "data.num_folds=60"], 3, ["num_folds is 60", "40 sample(s)", "=40."]),
        (
            ["model=gru", "data=sunspots", "data.num_folds=5"],
            2,
            ["data has no key 'data.num_folds'", "try data=breast_cancer"],
        ),
    ],
)
def test_a_mistake_is_answered(train, overrides: list[str], code: int, words: list[str]) -> None:
    check_mistake(train, overrides, code, words)
