"""Quality of latent codes: the accuracy of simple classifiers on them, and on a PCA of the same size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_DISTANCES = 2**24  # of a matrix of float32 in memory: 64 MiB


class Probe(NamedTuple):
    """Codes (N, D) and their labels (N,), int64."""

    codes: Tensor
    labels: Tensor


class PCA(NamedTuple):
    """Principal components: the mean (F,) and an orthonormal basis (F, D), sorted by decreasing variance."""

    mean: Tensor
    basis: Tensor

    def codes(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N, D), computed in float64, which autocast does not convert to half precision."""
        return ((x.flatten(1).double() - self.mean.double()) @ self.basis.double()).float()


def fit_pca(x: Tensor, size: int) -> PCA:
    """The ``size`` directions of largest variance of x (N, ...), or as many as there are. Pearson 1901."""
    x = x.flatten(1).double()  # (N, F); float64, because the Gram matrix squares the condition number
    mean = x.mean(dim=0)
    x = x - mean
    size = max(1, min(size, x.shape[1], len(x) - 1))  # N centred points span at most N - 1 directions
    # eigh() returns ascending eigenvalues, so flip() puts the largest first.
    if x.shape[1] <= x.shape[0]:
        basis = torch.linalg.eigh(x.T @ x).eigenvectors.flip(1)[:, :size]
    else:
        # With N < F the (N, N) matrix is smaller than (F, F), and has the same nonzero eigenvalues:
        # if X X^T u = s u, then X^T u is an eigenvector of X^T X.
        basis = x.T @ torch.linalg.eigh(x @ x.T).eigenvectors.flip(1)[:, :size]
        basis = F.normalize(basis, dim=0)
    return PCA(mean.float(), basis.float())


def nearest_neighbours(train: Probe, codes: Tensor, num_classes: int, neighbours: int = 5) -> Tensor:
    """The majority class of the nearest training codes, (N, D) -> (N,); in a tie, the lowest label."""
    neighbours = min(neighbours, len(train.codes))
    votes = F.one_hot(train.labels, num_classes)
    found = []
    for part in codes.split(max(1, _DISTANCES // len(train.codes))):
        nearest = torch.cdist(part, train.codes).topk(neighbours, largest=False).indices  # (n, neighbours)
        found.append(votes[nearest].sum(dim=1).argmax(dim=1))  # (n, neighbours, C) -> (n, C) -> (n,)
    return torch.cat(found)


def linear_probe(train: Probe, codes: Tensor, num_classes: int, penalty: float = 1.0) -> Tensor:
    """The class of the largest ridge regression output, (N, D) -> (N,). Hoerl & Kennard 1970."""
    known = train.codes.double()
    # Standardised by the training codes, so that ``penalty`` does not depend on the scale of a code.
    mean, std = known.mean(dim=0), known.std(dim=0, correction=0)
    std = torch.where(std > 0, std, 1.0)  # a code that is constant in training
    known, queries = (known - mean) / std, (codes.double() - mean) / std
    target = F.one_hot(train.labels, num_classes).double()
    shares = target.mean(dim=0)  # the intercept, which ridge regression does not penalise
    # The closed form (X^T X + penalty I)^-1 X^T Y: no learning rate, no epochs, always the same result.
    gram = known.T @ known + penalty * torch.eye(known.shape[1], dtype=known.dtype, device=known.device)
    weights = torch.linalg.solve(gram, known.T @ (target - shares))  # (D, C)
    return (queries @ weights + shares).argmax(dim=1)


class Reader:
    """Classifiers fitted on the codes of the training split, and on a PCA of the same size for comparison.

    Args:
        codes: of the training split, (N, D).
        x: inputs of the same samples, (N, ...).
        labels: their classes, (N,), int64.
        num_classes: the number of classes.
    """

    def __init__(self, codes: Tensor, x: Tensor, labels: Tensor, num_classes: int) -> None:
        self.pca = fit_pca(x, codes.shape[1])
        self.num_classes = num_classes
        self._codes, self._pca_codes = Probe(codes, labels), Probe(self.pca.codes(x), labels)

    def scores(self, codes: Tensor, pca_codes: Tensor, labels: Tensor) -> dict[str, float]:
        """The accuracies on test samples: codes (N, D) of the network and of ``pca``, labels (N,)."""
        return {
            f"{name}_accuracy{suffix}": (classify(train, tested, self.num_classes) == labels).double().mean().item()
            for suffix, train, tested in (("", self._codes, codes), ("_pca", self._pca_codes, pca_codes))
            for name, classify in (("knn", nearest_neighbours), ("linear", linear_probe))
        }
