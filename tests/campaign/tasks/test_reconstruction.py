"""Each kind of autoencoder by the command, and digits that are learned."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.training import checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


FEW = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")


RUNS = [
    ("autoencoder", "reconstruction", {"test/psnr", "test/ssim"}),
    ("autoencoder_tiny", "reconstruction", {"test/psnr", "test/ssim"}),
    ("conv_autoencoder", "reconstruction", {"test/psnr", "test/ssim"}),
    ("denoising_autoencoder", "denoising", {"test/psnr_noisy", "test/ssim_noisy"}),
    ("sparse_autoencoder", "sparse_coding", {"test/sparsity"}),
    ("contractive_autoencoder", "contraction", {"train/contraction"}),
]


@pytest.mark.parametrize(("model", "task", "names"), RUNS)
def test_every_variant_is_complete(train: Any, model: str, task: str, names: set[str]) -> None:
    ran = train(f"model={model}", *FEW)
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert (results["task"], results["objective"]["name"]) == (task, "val/loss")
    curves = (ran.path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert names <= {*results["metrics"], *curves}
    assert {"test/mse", "test/knn_accuracy", "test/linear_accuracy_pca"} <= set(results["metrics"])
    loaded = checkpoint.load(ran.path)
    assert loaded.pixels.mean.flatten().tolist() == pytest.approx([0.3053])
    assert loaded.pixels.std.flatten().tolist() == pytest.approx([0.3760])


@pytest.mark.parametrize("data", ["iris", "diabetes", "digits_rows"])
def test_other_data_than_pictures(train: Any, data: str) -> None:
    ran = train("model=autoencoder_tiny", f"data={data}", *FEW)
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert "test/mse" in metrics and "test/psnr" not in metrics
    assert ("test/knn_accuracy" in metrics) == (data != "diabetes")


def test_digits_are_coded_better_than_by_chance_and_denoised(train: Any) -> None:
    ran = train("model=denoising_autoencoder", "trainer=cpu", "trainer.max_epochs=15", "logger=none")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert metrics["test/psnr"] > metrics["test/psnr_noisy"] + 2
    assert metrics["test/knn_accuracy"] > 0.9


def test_the_noise_can_be_typed(train: Any) -> None:
    ran = train("model=denoising_autoencoder", "task.noise=gaussian", "task.noise_level=0.5", *FEW)
    assert ran.code == 0, ran.err
    stronger = ran.json("results.json")["metrics"]["test/psnr_noisy"]
    ran = train("model=autoencoder", "task=denoising", *FEW, path=ran.path.parent / "weaker")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/psnr_noisy"] > stronger + 2
