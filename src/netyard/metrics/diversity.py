"""How much generated samples differ from each other, relative to how much real samples do."""

from __future__ import annotations

import torch
from torch import Tensor

from netyard.metrics.checks import check_pair


def diversity(real: Tensor, generated: Tensor, max_samples: int = 1000) -> Tensor:
    """Features (N, D) and (M, D)  ->  scalar float64: mean distance of generated pairs over that of real pairs.

    0 if all generated samples are equal (mode collapse), about 1 if they differ as real samples do. Only the first
    ``max_samples`` of each set are used.

    Raises:
        ArgumentError: fewer than 2 samples, NaN or infinity, or different D.
    """
    # pdist holds N (N - 1) / 2 distances: half a million for 1,000 samples, but 12.5 million for 5,000.
    real, generated = check_pair(real[:max_samples], generated[:max_samples], min_samples=2)
    # clamp(): real samples that are all equal (a constant image) must not divide by zero.
    return torch.pdist(generated).mean() / torch.pdist(real).mean().clamp(min=1e-12)
