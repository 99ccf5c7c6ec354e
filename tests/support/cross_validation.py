"""Overrides for a fold of every kind of labelled data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netyard.training import checkpoint
from support.command_result import Ran

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


def check_mistake(train: Callable[..., Ran], overrides: list[str], code: int, words: list[str]) -> None:
    """A command is refused in one line with these words, and leaves no directory."""
    ran = train(*overrides)
    assert ran.code == code, ran.err
    assert ran.err.count("\n") == 1 and ran.err.startswith("error: ")
    for word in words:
        assert word in ran.err
    assert not ran.path.exists()


def check_fold(train: Callable[..., Ran], kind: str, folder: Path) -> None:
    """Train on a fold of the data in ``folder``; the checkpoint records the fold."""
    given = [text.replace("ROOT", str(folder)) for text in KINDS[kind]]
    ran = train(*given, "data.num_folds=3", "data.fold=2", "debug=smoke", "logger=none")
    assert ran.code == 0, ran.err
    recorded = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["netyard"]["config"]["data"]
    assert (recorded["num_folds"], recorded["fold"]) == (3, 2)
