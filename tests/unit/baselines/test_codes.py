"""Autoencoders beside a PCA and k-means: measured by the task itself, on the same parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netyard.baselines import codes, densities
from netyard.baselines.scores import Scores
from netyard.metrics.linear_probe import fit_pca
from netyard.tasks.parts.likeness import psnr
from support import datasets
from support.reconstruction_task import Coder, task_of


class Samples:
    """Data of given samples, as a data module has them."""

    def __init__(self, input_shape: list[int], image: bool, **parts: Tensor) -> None:
        self.parts, self.input_shape, self.num_classes = parts, input_shape, None
        self.image_size = input_shape[1] if image else None
        self.mean = self.std = None

    def split(self, name: str) -> Tensor:
        return self.parts[name]

    def has_split(self, name: str) -> bool:
        return name in self.parts

    def real_samples(self, name: str, most: int | None = None, batch_size: int = 256, seed: int = 0) -> Any:
        for x in self.parts[name][:most].split(batch_size):
            yield x, torch.zeros(len(x), dtype=torch.int64)

    def normalize(self, x: Tensor) -> Tensor:
        return (x - 0.5) / 0.25

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        return torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.25)


class Rows(nn.Module):
    """An autoencoder of rows that is never used: its code has ``latent_size`` numbers."""

    def __init__(self, features: int, latent_size: int) -> None:
        super().__init__()
        self.latent_size, self.input_shape = latent_size, (features,)
        self.encoder, self.decoder = nn.Linear(features, latent_size), nn.Linear(latent_size, features)

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, codes: Tensor) -> Tensor:
        return self.decoder(codes)


def rows_of(count: int, features: int = 6) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(count))


def scores_of(train: Tensor, test: Tensor, size: int, **settings: Any) -> Scores:
    features = train.shape[1]
    task = task_of(Rows(features, size), shape=(features,), **settings)
    return codes.scores(task, Samples([features], False, train=train, test=test), "test")


def test_the_error_is_that_of_a_pca_of_the_training_part() -> None:
    train, test = rows_of(100), rows_of(40)
    pca = fit_pca(train, 2)
    expected = (pca.codes(test) @ pca.basis.T + pca.mean - test).square().mean()
    found = scores_of(train, test, 2)
    assert (found.mode, next(iter(found.values))) == ("min", "mse")
    assert found.values["mse"]["pca"] == pytest.approx(float(expected), rel=1e-5)
    assert found.values["loss"]["pca"] == pytest.approx(float(expected), rel=1e-5), "the loss is the same error"


def test_a_code_that_holds_the_whole_sample_says_nothing() -> None:
    assert scores_of(rows_of(100), rows_of(40), 6).values == {}


def test_a_code_that_holds_the_whole_sample_keeps_its_noise() -> None:
    found = scores_of(rows_of(100), rows_of(40), 6, noise="gaussian", noise_level=0.5)
    assert found.values["mse"]["pca"] == pytest.approx(0.25, rel=0.3), "the variance of the noise"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_training_samples_have_few_components(count: int) -> None:
    found = scores_of(rows_of(count), rows_of(40), 4)
    assert 0 < found.values["mse"]["pca"] < 3


def test_a_constant_column_costs_nothing() -> None:
    train, test = rows_of(100), rows_of(40)
    train[:, 0] = test[:, 0] = 3.0
    pca = fit_pca(train[:, 1:], 2)
    expected = (pca.codes(test[:, 1:]) @ pca.basis.T + pca.mean - test[:, 1:]).square().mean() * 5 / 6
    assert scores_of(train, test, 2).values["mse"]["pca"] == pytest.approx(float(expected), rel=1e-4)


def test_pixels_are_compared_in_their_own_range() -> None:
    pictures = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    data = Samples([1, 8, 8], True, train=pictures[:40], test=pictures[40:])
    task = task_of(Coder())
    task.pixels.set_statistics(data)
    found = codes.scores(task, data, "test")
    pca = fit_pca(pictures[:40], 4)
    made = (pca.codes(pictures[40:]) @ pca.basis.T + pca.mean).view(-1, 1, 8, 8).clamp(0, 1)
    assert found.values["psnr"]["pca"] == pytest.approx(float(psnr((made - pictures[40:]).square().mean())), abs=1e-3)
    assert "ssim" in found.values


def test_classes_are_read_from_codes_of_the_same_size() -> None:
    data = datasets.build("iris")
    data.setup()
    found = codes.scores(task_of(Rows(4, 2), shape=(4,)), data, "test")
    assert {"mse", "knn_accuracy", "linear_accuracy"} <= set(found.values)
    assert 0.7 < found.values["knn_accuracy"]["pca"] <= 1


@pytest.mark.parametrize("shape", [(8, 8), (9, 7), (2, 3)], ids=str)
def test_patches_are_put_together_as_they_were_cut(shape: tuple[int, int]) -> None:
    grid = codes._Grid((2, 2), (3, *shape))
    pictures = torch.rand(5, 3, *shape)
    patches = grid.patches(pictures)
    assert len(patches) == 5 * 4 and torch.equal(grid.images(patches, 5), pictures)


class Quantized(nn.Module):
    """What a baseline reads of a network with a codebook."""

    def __init__(self, codebook_size: int) -> None:
        super().__init__()
        self.codebook_size, self.code_shape = codebook_size, (2, 2)


class Measuring:
    """A task that measures the mean squared error."""

    baseline_kind, device = "codes", torch.device("cpu")

    def __init__(self, codebook_size: int) -> None:
        self.net, self.code_shape, self.loss = Quantized(codebook_size), (2, 2), nn.MSELoss()

    def measured(self, reconstruct: Any, batches: Any) -> dict[str, float]:
        return {"mse": float(torch.cat([(reconstruct(x) - x).square().flatten(1).mean(1) for x in batches]).mean())}


@pytest.mark.parametrize(("entries", "exact"), [(4, True), (2, False), (1000, True)])
def test_k_means_has_as_many_centres_as_the_codebook(entries: int, exact: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(densities, "sample_scores", lambda *_: Scores({}, "min"))
    shades = torch.tensor([0.0, 0.25, 0.5, 1.0])  # of four different patches
    pictures = shades[torch.randint(4, (50, 1, 2, 2), generator=torch.Generator().manual_seed(0))]
    pictures = pictures.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    found = codes.scores(Measuring(entries), Samples([1, 4, 4], True, train=pictures, test=pictures), "test")
    assert (found.values["mse"]["k_means"] < 1e-10) == exact
    assert found.chosen["k_means"] == {"n_clusters": min(entries, 4)}
