"""How far a variational posterior is from its prior."""

from __future__ import annotations

from torch import Tensor


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each dimension, in nats: ``(B, D)``, ``(B, D)``  ->  ``(B, D)``.

    Kingma & Welling 2013, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.expm1() - log_variance)


def free_bits(kl: Tensor, minimum: float) -> Tensor:
    """The batch's KL ``(B, D)`` as a scalar in nats, of which each dimension has ``minimum`` nats for free.

    A dimension whose mean over the batch is below the minimum counts the minimum, and gets no gradient: nothing is won
    by emptying it. Kingma et al. 2016, arXiv:1606.04934, equation 15. A minimum of 0 is the plain mean of the sums.
    """
    return kl.mean(dim=0).clamp(min=minimum).sum()
