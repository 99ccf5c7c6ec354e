"""k-NN, the linear probe and PCA compared with scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA as SklearnPCA  # noqa: N811
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from netyard.metrics import linear_probe as probing
from netyard.metrics.linear_probe import Probe, Reader, fit_pca, linear_probe, nearest_neighbours


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    x, y = load_digits(return_X_y=True)
    return torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)


@pytest.mark.parametrize("rows", [1000, 40])  # more rows than columns, and fewer
def test_pca_agrees_with_sklearn(digits: tuple[Tensor, Tensor], rows: int) -> None:
    x = digits[0][:rows]
    pca, theirs = fit_pca(x, 5), SklearnPCA(5, svd_solver="full").fit(x.numpy())
    codes, wanted = pca.codes(digits[0]), torch.tensor(theirs.transform(digits[0].numpy()))
    torch.testing.assert_close(codes.abs(), wanted.abs(), rtol=1e-3, atol=1e-3)  # a direction has two signs
    torch.testing.assert_close(pca.basis.T @ pca.basis, torch.eye(5), atol=1e-4, rtol=0)


def test_pca_by_hand() -> None:
    x = torch.tensor([[1.0, 1.0], [3.0, 3.0], [2.0, 2.0]])
    pca = fit_pca(x, 1)
    assert pca.mean.tolist() == [2, 2]
    assert sorted(pca.codes(x).flatten().abs().tolist()) == pytest.approx([0, 2**0.5, 2**0.5], abs=1e-5)


def test_pca_has_no_more_directions_than_there_are() -> None:
    assert fit_pca(torch.randn(20, 3), 16).codes(torch.randn(2, 3)).shape == (2, 3)
    assert fit_pca(torch.randn(4, 2, 5), 16).basis.shape == (10, 3)


@pytest.mark.parametrize("neighbours", [1, 5, 10])
@pytest.mark.parametrize("at_once", [2**24, 5000])
def test_nearest_neighbours_agree_with_sklearn(
    digits: tuple[Tensor, Tensor], neighbours: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_DISTANCES", at_once)
    x, y = digits
    x = x + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))  # no two distances are equal
    train, asked = Probe(x[:1200], y[:1200]), x[1200:]
    theirs = KNeighborsClassifier(neighbours).fit(x[:1200].numpy(), y[:1200].numpy()).predict(asked.numpy())
    assert torch.equal(nearest_neighbours(train, asked, 10, neighbours), torch.tensor(theirs))


def test_fewer_samples_than_neighbours() -> None:
    train = Probe(torch.tensor([[0.0], [1.0], [1.5]]), torch.tensor([0, 1, 1]))
    assert nearest_neighbours(train, torch.tensor([[0.0]]), 2).tolist() == [1]
    assert nearest_neighbours(train, torch.tensor([[0.1]]), 2, neighbours=1).tolist() == [0]


def test_the_linear_probe_agrees_with_ridge_of_sklearn(digits: tuple[Tensor, Tensor]) -> None:
    x, y = digits
    scaler = StandardScaler().fit(x[:1200].numpy())
    theirs = RidgeClassifier(alpha=1.0).fit(scaler.transform(x[:1200].numpy()), y[:1200].numpy())
    wanted = torch.tensor(theirs.predict(scaler.transform(x[1200:].numpy())))
    assert torch.equal(linear_probe(Probe(x[:1200], y[:1200]), x[1200:], 10), wanted)


def test_the_linear_probe_is_invariant_to_scale_and_constant_codes(digits: tuple[Tensor, Tensor]) -> None:
    x, y = digits
    scaled = torch.cat([1000 * x, torch.full((len(x), 1), 7.0)], dim=1)
    plain = linear_probe(Probe(x[:1200], y[:1200]), x[1200:], 10)
    assert torch.equal(linear_probe(Probe(scaled[:1200], y[:1200]), scaled[1200:], 10), plain)


def test_a_class_without_training_samples_is_never_predicted() -> None:
    train = Probe(torch.randn(30, 2), torch.arange(30) % 2)
    for reader in (nearest_neighbours, linear_probe):
        assert set(reader(train, torch.randn(50, 2), 5).tolist()) <= {0, 1}


def test_scores_by_hand() -> None:
    """Codes that are one-hot labels are classified without an error; inputs that are noise are not."""
    torch.manual_seed(0)
    labels = torch.arange(90) % 3
    codes, x = torch.nn.functional.one_hot(labels, 3).float(), torch.randn(90, 6)
    reader = Reader(codes, x, labels, 3)
    wrong = labels.clone()
    wrong[:9] = (wrong[:9] + 1) % 3
    scores = reader.scores(codes, reader.pca.codes(torch.randn(90, 6)), wrong)
    assert scores["knn_accuracy"] == scores["linear_accuracy"] == pytest.approx(0.9)
    assert max(scores["knn_accuracy_pca"], scores["linear_accuracy_pca"]) < 0.6
