"""How much generated samples differ from each other, beside how much real ones do."""

from __future__ import annotations

import torch
from torch import Tensor

from netyard.metrics.checks import check_pair


def diversity(real: Tensor, generated: Tensor, most: int = 1000) -> Tensor:
    """Features (N, D) and (M, D)  ->  scalar float64: the mean distance of two generated samples over that of two real.

    0 where all generated samples are one, about 1 where they differ as real ones do. Of the first ``most`` of each set.

    Raises:
        ArgumentError: fewer than 2 samples, NaN or infinity, or different D.
    """
    real, generated = check_pair(real[:most], generated[:most], least=2)
    return torch.pdist(generated).mean() / torch.pdist(real).mean().clamp(min=1e-12)
