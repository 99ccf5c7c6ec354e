"""The Fréchet distance (FID) of two sets of features, both treated as Gaussian. Heusel et al. 2017, arXiv:1706.08500.

The distance of N(m, S) and N(m', S') is ``|m - m'|^2 + tr S + tr S' - 2 tr (S S')^(1/2)``. The last term is computed
without a matrix square root: for any factors ``S = F^T F`` and ``S' = G^T G``, the trace is the sum of the singular
values of ``F G^T``. The eigenvalues of ``S S'`` would be less accurate: rounding changes a zero eigenvalue by 1e-16,
hence its root by 1e-8, and with fewer samples than features many eigenvalues are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.metrics.checks import check_pair, in_float64


def frechet_distance(real: Tensor, generated: Tensor) -> Tensor:
    """Features (N, D) and (M, D)  ->  scalar float64, in squared units of the features; 0 for equal moments.

    Covariances are unbiased, divided by N - 1. The distance is biased upwards, more so with few samples: compare only
    distances computed with equal N.

    Raises:
        ArgumentError: fewer than 2 samples, NaN or infinity, or different D.
    """
    real, generated = check_pair(real, generated, min_samples=2)  # one sample has no covariance
    return _distance(real.mean(dim=0), _factor_of_samples(real), generated.mean(dim=0), _factor_of_samples(generated))


def gaussian_frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> Tensor:
    """The distance of two Gaussians, from means (D,) and covariances (D, D)  ->  scalar float64.

    Raises:
        ArgumentError: shapes that do not match, NaN or infinity, or a matrix that is not positive semi-definite.
    """
    mean, covariance = _check_gaussian(mean, covariance, "first")
    other_mean, other_covariance = (
        each.to(mean.device) for each in _check_gaussian(other_mean, other_covariance, "second")
    )
    if mean.shape != other_mean.shape:
        raise ArgumentError(
            f"the first mean has {len(mean)} numbers and the second {len(other_mean)};",
            "both must come from one network;",
            "try extracting the features anew with the same one.",
        )
    return _distance(
        mean, _factor_of_covariance(covariance, "first"), other_mean, _factor_of_covariance(other_covariance, "second")
    )


def _distance(mean: Tensor, factor: Tensor, other_mean: Tensor, other_factor: Tensor) -> Tensor:
    traces = factor.square().sum() + other_factor.square().sum()  # tr F^T F is the squared Frobenius norm of F
    overlap = torch.linalg.svdvals(factor @ other_factor.T).sum()
    # Rounding can make a distance of zero slightly negative.
    return ((mean - other_mean).square().sum() + traces - 2 * overlap).clamp(min=0)


def _factor_of_samples(x: Tensor) -> Tensor:
    """F (min(N, D), D) such that ``F^T F`` is the covariance of x (N, D)."""
    # By QR of the centred samples (X = Q R, so X^T X = R^T R): forming X^T X would square the condition number.
    return torch.linalg.qr(x - x.mean(dim=0), mode="r").R / (len(x) - 1) ** 0.5


def _factor_of_covariance(covariance: Tensor, name: str) -> Tensor:
    """F (R, D) such that ``F^T F`` is the covariance of rank R."""
    values, vectors = torch.linalg.eigh(covariance)  # ascending eigenvalues, eigenvectors in columns
    largest = values.abs().max()
    # The tolerance is larger than the rounding errors of a covariance computed in float32.
    if values[0] < -1e-4 * largest:
        raise ArgumentError(
            f"the {name} covariance has an eigenvalue of {float(values[0]):.3g};",
            "none may be negative;",
            "try torch.cov(features.T).",
        )
    # The usual threshold of a numerical rank: eigenvalues below it, and negative ones, are rounding errors of zeros.
    kept = values > len(values) * torch.finfo(values.dtype).eps * largest
    return values[kept].sqrt()[:, None] * vectors.T[kept]


def _check_gaussian(mean: Tensor, covariance: Tensor, name: str) -> tuple[Tensor, Tensor]:
    if mean.ndim != 1 or not len(mean) or covariance.shape != (len(mean), len(mean)):
        raise ArgumentError(
            f"the {name} mean has shape {tuple(mean.shape)} and its covariance {tuple(covariance.shape)};",
            "they must be (D,) and (D, D);",
            "try features.mean(0) and torch.cov(features.T).",
        )
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        raise ArgumentError(
            f"the {name} mean or covariance holds NaN or infinity;",
            "every value must be finite;",
            "try an earlier checkpoint.",
        )
    return in_float64(mean), in_float64(covariance)
