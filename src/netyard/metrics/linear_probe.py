"""Quality of codes: the accuracy of simple classifiers on them, and on a PCA of the same size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_DISTANCES = 2**24  # held at once: 64 MiB


class Probe(NamedTuple):
    """Codes (N, D) and their labels (N,), int64."""

    codes: Tensor
    labels: Tensor


class PCA(NamedTuple):
    """Principal components: the mean (F,) and an orthonormal basis (F, D), the widest direction first."""

    mean: Tensor
    basis: Tensor

    def codes(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N, D), computed in double precision, which autocast leaves alone."""
        return ((x.flatten(1).double() - self.mean.double()) @ self.basis.double()).float()


def fit_pca(x: Tensor, size: int) -> PCA:
    """The ``size`` directions (N, ...) varies most along; fewer where there are not so many. Pearson 1901.

    By the eigenvectors of the smaller of the two Gram matrices, in float64: their entries are squares.
    """
    x = x.flatten(1).double()
    mean = x.mean(dim=0)
    x = x - mean
    size = max(1, min(size, x.shape[1], len(x) - 1))  # N points span N - 1 directions
    if x.shape[1] <= x.shape[0]:
        basis = torch.linalg.eigh(x.T @ x).eigenvectors.flip(1)[:, :size]
    else:
        basis = x.T @ torch.linalg.eigh(x @ x.T).eigenvectors.flip(1)[:, :size]
        basis = F.normalize(basis, dim=0)
    return PCA(mean.float(), basis.float())


def nearest_neighbours(train: Probe, codes: Tensor, num_classes: int, neighbours: int = 5) -> Tensor:
    """The class that most of the nearest training codes have, (N, D) -> (N,); the lowest label of equals."""
    neighbours = min(neighbours, len(train.codes))
    votes = F.one_hot(train.labels, num_classes)
    found = []
    for part in codes.split(max(1, _DISTANCES // len(train.codes))):
        nearest = torch.cdist(part, train.codes).topk(neighbours, largest=False).indices  # (n, neighbours)
        found.append(votes[nearest].sum(dim=1).argmax(dim=1))
    return torch.cat(found)


def linear_probe(train: Probe, codes: Tensor, num_classes: int, penalty: float = 1.0) -> Tensor:
    """The class of the largest ridge regression output, (N, D) -> (N,). Hoerl & Kennard 1970.

    In closed form, of codes with mean 0 and standard deviation 1 in training, so that ``penalty`` has no scale.
    """
    known = train.codes.double()
    mean, std = known.mean(dim=0), known.std(dim=0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    known, queries = (known - mean) / std, (codes.double() - mean) / std
    target = F.one_hot(train.labels, num_classes).double()
    shares = target.mean(dim=0)
    gram = known.T @ known + penalty * torch.eye(known.shape[1], dtype=known.dtype, device=known.device)
    weights = torch.linalg.solve(gram, known.T @ (target - shares))  # (D, C)
    return (queries @ weights + shares).argmax(dim=1)


class Reader:
    """Classifiers fitted on the codes of a training part, and on a PCA of the same size for comparison.

    Args:
        codes: of the training part, (N, D).
        x: its inputs, (N, ...).
        labels: its classes, (N,), int64.
        num_classes: the number of classes.
    """

    def __init__(self, codes: Tensor, x: Tensor, labels: Tensor, num_classes: int) -> None:
        self.pca = fit_pca(x, codes.shape[1])
        self.num_classes = num_classes
        self._codes, self._pca_codes = Probe(codes, labels), Probe(self.pca.codes(x), labels)

    def scores(self, codes: Tensor, pca_codes: Tensor, labels: Tensor) -> dict[str, float]:
        """The accuracies on a test: codes (N, D) of the net and of ``pca``, labels (N,)."""
        return {
            f"{name}_accuracy{suffix}": (reader(train, tested, self.num_classes) == labels).double().mean().item()
            for suffix, train, tested in (("", self._codes, codes), ("_pca", self._pca_codes, pca_codes))
            for name, reader in (("knn", nearest_neighbours), ("linear", linear_probe))
        }
