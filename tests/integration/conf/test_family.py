"""Every name that is listed trains, validates, tests and writes its results, on the data and in the time of a test."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netyard import catalog

FAST = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")
REGRESSION = {"mse", "mae", "huber"}
LIKELIHOODS = {"bernoulli", "gaussian", "discretized_logistic"}
RETURNS = {"categorical_return": "c51", "quantile_return": "qr_dqn"}
ADVERSARIAL = {"non_saturating", "minimax", "least_squares", "wasserstein", "adversarial_hinge"}


def test_the_default_learns_the_digits(train) -> None:
    ran = train()
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.95


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("name", ["autoencoder_tiny", "denoising_autoencoder", "vae_tiny", "gan_tiny", "vq_vae_tiny"])
def test_generative_models_run_in_half_precision(train, name: str, precision: str) -> None:
    few = ("trainer.limit_train_batches=2", "callbacks.scores.num_test_samples=256")
    ran = train(f"model={name}", f"trainer.precision={precision}", "trainer.max_epochs=1", *few)
    if name == "vq_vae_tiny" and precision == "bf16-true":
        assert ran.code == 2 and "precision is bf16-true" in ran.err and "try trainer.precision=bf16-mixed" in ran.err
    else:
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", catalog.options("optimizer"))
def test_every_optimizer_learns(train, name: str) -> None:
    ran = train(f"optimizer={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] > 0.85


@pytest.mark.parametrize("name", catalog.options("scheduler"))
def test_every_scheduler_runs(train, name: str) -> None:
    ran = train(f"scheduler={name}", "model=mlp_tiny", "trainer.max_epochs=2", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["steps"] == 40


@pytest.mark.parametrize("name", catalog.options("loss"))
def test_every_loss_runs(train, name: str) -> None:
    if name in LIKELIHOODS | ADVERSARIAL:
        ran = train(f"loss={name}", f"model={'vae_tiny' if name in LIKELIHOODS else 'gan_tiny'}", *FAST)
        assert ran.code == 0, ran.err
        wanted = "elbo" if name in LIKELIHOODS else "frechet_distance"
        assert f"test/{wanted}" in ran.json("results.json")["metrics"]
        return
    if name in RETURNS:
        ran = train(f"loss={name}", f"model={RETURNS[name]}", *FAST[:2], "trainer.limit_train_batches=1", "logger=none")
        assert ran.code == 0, ran.err
        assert ran.json("results.json")["metrics"]["test/return"] > 0
        return
    data = "diabetes" if name in REGRESSION else "breast_cancer"
    ran = train(f"loss={name}", "model=mlp_table", f"data={data}", "trainer.max_epochs=2", "logger=none")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert {"test/mae", "test/rmse"} <= set(metrics) if data == "diabetes" else metrics["test/accuracy"] > 0.8


@pytest.mark.parametrize("name", catalog.options("augmentation"))
def test_every_augmentation_runs(train, name: str) -> None:
    ran = train(f"augmentation={name}", "model=cnn_tiny", *FAST)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_every_table_is_learned(train, name: str) -> None:
    ran = train(f"data={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.9


def test_diabetes_is_predicted_better_than_by_its_mean(train) -> None:
    ran = train("data=diabetes", "logger=none", "callbacks=[default,early_stopping]")
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert results["task"] == "regression"
    assert results["metrics"]["test/rmse"] < 70  # the standard deviation of the targets is 77


@pytest.mark.parametrize("sizes", [(1, 28), (3, 32)], ids=str)
def test_fake_images_of_any_size(train, sizes: tuple[int, int]) -> None:
    channels, side = sizes
    ran = train(
        "data=fake", f"data.channels={channels}", f"data.image_size={side}", "data.size=96", "model=lenet5", *FAST
    )
    assert ran.code == 0, ran.err


def test_a_folder_of_images(train, tmp_path: Path) -> None:
    for label, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(20):
            noise = np.random.default_rng(number).integers(-20, 20, (24, 32, 3))
            Image.fromarray((noise + colour).astype(np.uint8)).save(tmp_path / "photos" / label / f"{number}.png")
    folder = ("data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=16", "data.batch_size=8")
    ran = train(*folder, "data.num_workers=0", "model=cnn_tiny", "trainer.max_epochs=2")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.5


def test_a_csv_file_of_either_kind(train, tmp_path: Path) -> None:
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


def test_fashion_mnist_as_debian_lays_it_down(train, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 120), ("t10k", 40)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = rng.integers(0, 40, (count, 28, 28), dtype=np.uint8) + (labels * 20)[:, None, None].astype(np.uint8)
        for name, magic, array in (
            (f"{part}-images-idx3-ubyte", 2051, images),
            (f"{part}-labels-idx1-ubyte", 2049, labels),
        ):
            header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes()))
    ran = train(
        "data=fashion_mnist",
        f"data.root={tmp_path}",
        "data.batch_size=16",
        "model=mlp_tiny",
        *FAST,
        path=tmp_path / "run",
    )
    assert ran.code == 0, ran.err


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
        lines = (
            f"{'no ' * (number % 3)}{'fine' if number % 2 else 'poor'},{'good' if number % 2 else 'bad'}"
            for number in range(80)
        )
        (tmp_path / "opinions.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
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


def test_overfitting_learns_the_same_batches_by_heart(train) -> None:
    ran = train("debug=overfit", "logger=none")
    assert ran.code == 0, ran.err
    last = (ran.path / "metrics.csv").read_text().splitlines()[-1].split(",")
    header = (ran.path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert float(last[header.index("train/accuracy")]) == 1.0
