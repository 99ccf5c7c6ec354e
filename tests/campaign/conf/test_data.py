"""Data of every kind are learned from, every reader reads every kind of sequence, and every augmentation composes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from netyard.config import catalog
from netyard.config.compose import compose
from support.user_files import write_opinions, write_photos

FAST = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")


@pytest.mark.parametrize("name", catalog.options("data"))
@pytest.mark.parametrize("augmentation", catalog.options("augmentation"))
def test_every_option_composes_with_every_augmentation(name: str, augmentation: str) -> None:
    given = [f"data.{key}=x" for key, value in catalog.option_file("data", name).items() if value == "???"]
    cfg, choices = compose([f"data={name}", f"augmentation={augmentation}", *given])
    assert (choices["data"], choices["augmentation"]) == (name, augmentation)
    # A picture is mirrored only where its class stays what it is.
    flip = OmegaConf.to_container(cfg.augmentation, resolve=True).get("flip") if augmentation != "none" else None
    assert flip in (None, cfg.data.get("mirror_invariant", False))


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_every_table_is_learned(train, name: str) -> None:
    ran = train(f"data={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.9


@pytest.mark.parametrize("sizes", [(1, 28), (3, 32)], ids=str)
def test_fake_images_of_any_size(train, sizes: tuple[int, int]) -> None:
    channels, side = sizes
    ran = train(
        "data=fake", f"data.channels={channels}", f"data.image_size={side}", "data.size=96", "model=lenet5", *FAST
    )
    assert ran.code == 0, ran.err


def test_a_folder_of_images_is_learned(train, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", num_each=20)
    folder = ("data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=16", "data.batch_size=8")
    ran = train(*folder, "data.num_workers=0", "model=cnn_tiny", "trainer.max_epochs=2")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.5


def test_a_csv_file_of_either_kind_is_learned(train, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(a, b, "up" if a + b > 0 else "down", 3 * a - b) for a, b in rng.normal(size=(200, 2)).round(4)]
    path = tmp_path / "table.csv"
    lines = ["a,b,kind,value", *(f"{a},{b},{kind},{value:.4f}" for a, b, kind, value in rows)]
    path.write_text("\n".join(lines) + "\n")
    ran = train("data=csv", f"data.path={path}", "data.target=kind", "trainer.max_epochs=10", path=tmp_path / "kind")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] > 0.8
    words = (
        "data=csv",
        f"data.path={path}",
        "data.target=value",
        "task=regression",
        "loss=mse",
        "trainer.max_epochs=10",
    )
    ran = train(*words, path=tmp_path / "value")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/rmse"] < 1.0


SEQUENCES = [
    *(
        (model, data)
        for model in ("rnn_tiny", "lstm_tiny", "gru_tiny", "transformer_tiny")
        for data in ("digits_rows", "sunspots", "python_source", "sentiment")
    ),
    ("seq2seq_tiny", "number_words"),
    ("mlp_tiny", "sunspots"),
    ("mlp_tiny", "digits_rows"),
]


@pytest.mark.parametrize(("model", "data"), SEQUENCES, ids=str)
def test_every_reader_of_sequences_reads_every_kind_of_them(train, tmp_path: Path, model: str, data: str) -> None:
    settings = {
        "python_source": ["data.max_characters=20000", "data.batch_size=4", "data.sequence_length=32"],
        "number_words": ["data.size=300", "data.batch_size=32"],
        "sentiment": [f"data.path={tmp_path / 'opinions.csv'}"],
    }
    if data == "sentiment":
        write_opinions(tmp_path / "opinions.csv")
    ran = train(f"model={model}", f"data={data}", *FAST[:2], "trainer.limit_train_batches=3", *settings.get(data, []))
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert results["objective"]["name"] in results["metrics"]


@pytest.mark.parametrize("tokens", ["characters", "words", "bpe"])
def test_a_text_of_the_users_own(train, tmp_path: Path, tokens: str) -> None:
    (tmp_path / "song.txt").write_text("row, row, row your boat\ngently down the stream\n" * 60, encoding="utf-8")
    text = ("data=text", f"data.path={tmp_path / 'song.txt'}", f"data.tokens={tokens}", "data.bpe_size=280")
    small = ("model=gru_tiny", "data.batch_size=4", "data.sequence_length=16", "optimizer.lr=0.03")
    ran = train(*text, *small, "trainer.max_epochs=10", "logger=none")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert metrics["test/perplexity"] < 2, "it knows the song by heart"
    assert metrics["test/bits_per_character"] < 1


def test_a_series_of_the_users_own(train, tmp_path: Path) -> None:
    rows = (f"{month},{month % 12 + month / 100}" for month in range(240))
    (tmp_path / "sales.csv").write_text("\n".join(["month,sold", *rows]), encoding="utf-8")
    series = ("data=series", f"data.path={tmp_path / 'sales.csv'}", "data.column=sold", "data.season=12")
    ran = train("model=gru_tiny", *series, "task.normalize=last", "optimizer.lr=0.03", "trainer.max_epochs=30")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert metrics["test/mase"] < metrics["test/mase_naive"]
