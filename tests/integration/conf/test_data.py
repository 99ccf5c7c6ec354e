"""Data of every kind in a whole run: tables, and pictures, texts and series of the user's own.

The runs of ``finished`` are of an epoch or so; that a longer one learns is in the campaign.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from support.datasets import write_mnist
from support.finished_runs import FinishedRuns


def test_a_table_is_learned(train) -> None:
    ran = train("data=iris", "trainer.max_epochs=5", "logger=none", "callbacks.figures=null")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.9


def test_diabetes_is_predicted_better_than_by_its_mean(train) -> None:
    ran = train("data=diabetes", "trainer.max_epochs=5", "logger=none", "callbacks=[default,early_stopping]")
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert results["task"] == "regression"
    assert results["metrics"]["test/rmse"] < 70  # the standard deviation of the targets is 77


@pytest.mark.parametrize(
    ("name", "data", "metrics"),
    [
        ("photos", "image_folder", ["test/accuracy", "test/loss"]),
        ("kind", "csv", ["test/accuracy", "test/loss"]),
        ("price", "csv", ["test/mae", "test/rmse"]),
        ("opinions", "sentiment", ["test/accuracy", "test/loss"]),
        ("sales", "series", ["test/mase", "test/mase_naive"]),
    ],
)
def test_files_of_the_users_own_train_a_network(
    finished: FinishedRuns, name: str, data: str, metrics: list[str]
) -> None:
    results = json.loads((finished(name) / "results.json").read_text(encoding="utf-8"))
    assert results["data"] == data
    assert all(math.isfinite(results["metrics"][metric]) for metric in metrics)


def test_a_song_is_known_by_heart_in_some_epochs(finished: FinishedRuns) -> None:
    metrics = json.loads((finished("song") / "results.json").read_text(encoding="utf-8"))["metrics"]
    assert metrics["test/perplexity"] < 2


@pytest.mark.parametrize("tokens", ["words", "bpe"])
def test_a_text_is_read_by_larger_tokens(finished: FinishedRuns, train, tokens: str) -> None:
    text = ("data=text", f"data.path={finished.files / 'song.txt'}", f"data.tokens={tokens}", "data.bpe_size=280")
    ran = train(*text, "model=gru_tiny", "data.batch_size=4", "data.sequence_length=16", "debug=smoke", "logger=none")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert 1 < metrics["test/perplexity"] < math.inf and 0 < metrics["test/bits_per_character"] < math.inf


def test_fashion_mnist_as_debian_lays_it_down(train, tmp_path: Path) -> None:
    write_mnist(tmp_path, ".gz")
    ran = train(
        "data=fashion_mnist",
        f"data.root={tmp_path}",
        "data.batch_size=16",
        "model=mlp_tiny",
        "debug=smoke",
        "logger=none",
        path=tmp_path / "run",
    )
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["data"] == "fashion_mnist"
