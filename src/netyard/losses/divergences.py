"""Divergences between a variational posterior and its prior."""

from __future__ import annotations

from torch import Tensor


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each dimension, in nats: ``(B, D)``, ``(B, D)``  ->  ``(B, D)``.

    Kingma & Welling 2013, arXiv:1312.6114, appendix B.
    """
    # expm1(v) = exp(v) - 1, exact also for a small v, where exp(v) - 1 would lose its digits.
    return 0.5 * (mean.square() + log_variance.expm1() - log_variance)


def free_bits(kl: Tensor, minimum: float) -> Tensor:
    """KL ``(B, D)``  ->  scalar, in nats, where the mean KL of each dimension counts as ``minimum`` nats or more.

    A dimension below the minimum gets no gradient, so that there is no incentive to make it equal to the prior
    (posterior collapse). Kingma et al. 2016, arXiv:1606.04934, equation 15. A minimum of 0 gives the mean KL of a code.
    """
    # Mean before the clamp: the paper's minimum is for the average of a minibatch, not for each sample.
    return kl.mean(dim=0).clamp(min=minimum).sum()
