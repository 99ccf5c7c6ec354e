"""A fold of every kind of data, and folds as an axis of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netyard import build as builder
from netyard import checkpoint
from support.datasets import write_cifar, write_mnist
from support.labelled_table import samples, table

Write = Callable[[str], Path]


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
