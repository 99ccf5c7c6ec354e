"""A fold of every kind of data, and folds as an axis of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netyard.config import instantiate as builder
from netyard.training import checkpoint
from support.cross_validation import KINDS, check_fold, check_mistake
from support.datasets import write_cifar, write_mnist
from support.labelled_table import samples, table

Write = Callable[[str], Path]


@pytest.mark.parametrize("kind", KINDS)
def test_one_fold_of_every_kind_of_data(
    train, tmp_path: Path, picture_folder: Path, write_csv: Write, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    write_csv(table())
    write_mnist(tmp_path)
    write_cifar(tmp_path, 10)
    monkeypatch.setattr("netyard.data.images.torchvision_sets.TorchvisionImages._is_there", lambda data: True)
    monkeypatch.setattr("torchvision.datasets.CIFAR10._check_integrity", lambda data: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *given: True)
    check_fold(train, kind, tmp_path)


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["data.num_folds=1"], 2, ["data.num_folds is 1", "at least 2", "try data.num_folds=2"]),
        (["data.num_folds=3", "data.fold=last"], 2, ["data.fold is 'last'", "a whole number"]),
        (["model=lstm", "data=python_source", "data.fold=1"], 2, ["data has no key 'data.fold'", "remove it"]),
        (["model=dqn", "data.num_folds=5", "data.fold=1"], 2, ["data has no key 'data.num_folds'", "digits"]),
    ],
)
def test_a_mistake_is_answered(train, overrides: list[str], code: int, words: list[str]) -> None:
    check_mistake(train, overrides, code, words)


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
