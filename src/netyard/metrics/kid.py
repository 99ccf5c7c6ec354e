"""The kernel distance (KID) of two sets of features. Bińkowski et al. 2018, arXiv:1801.01401, section 4.

Unlike the Fréchet distance, it does not assume Gaussian features and is unbiased: for two sets from the same
distribution its expectation is 0 at any number of samples, and single values may be negative.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.metrics.checks import check_pair


class KernelDistance(NamedTuple):
    """Mean and standard deviation over the subsets, scalars in float64."""

    mean: Tensor
    std: Tensor


def kernel_distance(
    real: Tensor,
    generated: Tensor,
    num_subsets: int = 100,
    subset_size: int = 1000,
    generator: torch.Generator | None = None,
) -> KernelDistance:
    """Features (N, D) and (M, D)  ->  mean and std of ``polynomial_mmd`` over random subsets.

    Each subset has ``subset_size`` samples of each set, drawn without replacement, or as many as the smaller set has.
    The default generator has the seed 0.

    Raises:
        ArgumentError: fewer than 2 samples, NaN or infinity, different D, no subset, or subsets of fewer than 2.
    """
    real, generated = check_pair(real, generated, min_samples=2)
    if num_subsets < 1:
        raise ArgumentError(
            f"num_subsets is {num_subsets};",
            "it must be at least 1;",
            "try num_subsets=100.",
        )
    if subset_size < 2:
        raise ArgumentError(
            f"subset_size is {subset_size};",
            "it must be at least 2;",
            "try subset_size=1000.",
        )
    # On the CPU: the random numbers of a GPU differ, and the score must not depend on the device.
    # A generator of its own leaves the global random state, hence the training, unchanged.
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    size = min(subset_size, len(real), len(generated))

    def draw(features: Tensor) -> Tensor:
        drawn = torch.randperm(len(features), generator=generator, device=generator.device)[:size]
        return features[drawn.to(features.device)]

    values = torch.stack([polynomial_mmd(draw(real), draw(generated)) for _ in range(num_subsets)])
    # correction=0: one subset has a standard deviation of 0, not NaN.
    return KernelDistance(values.mean(), values.std(correction=0))


def polynomial_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Features (N, D) and (M, D)  ->  scalar float64: the unbiased squared maximum mean discrepancy.

    With the kernel ``k(a, b) = (a . b / D + 1)^3``; Gretton et al. 2012, JMLR 13, lemma 6: the mean over pairs within
    x, plus the mean within y, minus twice the mean across both. Pairs of a sample with itself are left out.

    Raises:
        ArgumentError: fewer than 2 samples, NaN or infinity, or different D.
    """
    x, y = check_pair(x, y, min_samples=2)  # one sample has no pairs
    return _mean_within(x) + _mean_within(y) - 2 * _kernel(x, y).mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3  # (N, M)


def _mean_within(x: Tensor) -> Tensor:
    kernel = _kernel(x, x)
    # Without the diagonal: k(a, a) is large, and these pairs would bias the mean upwards.
    return (kernel.sum() - kernel.trace()) / (len(x) * (len(x) - 1))
