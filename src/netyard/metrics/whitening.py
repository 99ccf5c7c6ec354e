"""The Mahalanobis distance from the mean of samples, with a shrunk covariance."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Whitening(nn.Module):
    """Squared Mahalanobis distances: (B, size) -> (B,), from the mean of the samples that were measured.

    The covariance is shrunk towards a multiple of the identity, so that it can be inverted also if there are fewer
    samples than dimensions (Ledoit & Wolf 2004). Mean and inverse square root are buffers, saved with the weights.

    Args:
        full: whether covariances are measured; otherwise variances alone, for samples of many elements.
    """

    mean: Tensor
    root: Tensor

    def __init__(self, size: int, full: bool) -> None:
        super().__init__()
        self.full = full
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("root", torch.eye(size) if full else torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - self.mean.float()
        root = self.root.float()
        return (centred @ root if self.full else centred * root).square().sum(dim=1)

    def measure(self, samples: Tensor) -> None:
        """Measure mean and covariance of samples (N, size); fewer than two change nothing."""
        if len(samples) < 2:
            return
        # On the CPU in float64: the sum of many float32 squares would lose digits.
        x = samples.double().cpu()
        mean = x.mean(dim=0)
        if self.full:
            values, vectors = torch.linalg.eigh(shrunk_covariance(x - mean))
            root = vectors * _inverse_root(values)
        else:
            root = _inverse_root((x - mean).square().mean(dim=0))
        # In place, so that the buffers keep their device and type.
        self.mean.copy_(mean)
        self.root.copy_(root)


def shrunk_covariance(centred: Tensor) -> Tensor:
    """Return the covariance of centred samples (N, D), shrunk by the formula of Ledoit & Wolf (2004): (D, D).

    As ``sklearn.covariance.ledoit_wolf``, which is no dependency of training.
    """
    count, size = centred.shape
    covariance = centred.T @ centred / count
    level = covariance.diagonal().mean()
    spread = (covariance - level * torch.eye(size, dtype=centred.dtype)).square().sum()
    # The mean over samples of the squared distance between x xT and the covariance.
    noise = (centred.square().sum(dim=1).square().sum() / count - covariance.square().sum()) / count
    shrinkage = float((noise.clamp(min=0) / spread).clamp(max=1)) if spread > 0 else 1.0
    return (1 - shrinkage) * covariance + shrinkage * level * torch.eye(size, dtype=centred.dtype)


def _inverse_root(variances: Tensor) -> Tensor:
    # Directions without variance: a part of the largest, so that rounding errors in them count for nothing.
    least = max(float(variances.max()) * 1e-6, 1e-12)
    return variances.clamp(min=least).rsqrt()
