"""Losses of generator and discriminator, from the discriminator's logits ``(B,)`` alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check


def cross_entropy_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Binary cross-entropy of telling real from generated, in nats. Goodfellow et al. 2014, arXiv:1406.2661."""
    return F.softplus(-real).mean() + F.softplus(generated).mean()


def minimax_generator(generated: Tensor) -> Tensor:
    """The negative of the discriminator's loss: its gradient vanishes where the discriminator is certain."""
    return -F.softplus(generated).mean()


def non_saturating_generator(generated: Tensor) -> Tensor:
    """Cross-entropy of being classified as real: steepest where the discriminator is certain. Same paper, section 3."""
    return F.softplus(-generated).mean()


def least_squares_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Squared distance to 1 for real and to 0 for generated. Mao et al. 2017, arXiv:1611.04076, equation 9."""
    return 0.5 * ((real - 1).square().mean() + generated.square().mean())


def least_squares_generator(generated: Tensor) -> Tensor:
    """Squared distance to 1."""
    return 0.5 * (generated - 1).square().mean()


def wasserstein_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Minus the estimate of the earth mover's distance. Arjovsky et al. 2017, arXiv:1701.07875."""
    return generated.mean() - real.mean()


def hinge_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Nothing beyond the margins 1 and -1. Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957."""
    return F.relu(1 - real).mean() + F.relu(1 + generated).mean()


def critic_generator(generated: Tensor) -> Tensor:
    """Minus the critic's score, for ``wasserstein`` and ``hinge``."""
    return -generated.mean()


# name: (the discriminator's loss, the generator's, the logit between generated and real)
OBJECTIVES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor], float]] = {
    "non_saturating": (cross_entropy_discriminator, non_saturating_generator, 0.0),
    "minimax": (cross_entropy_discriminator, minimax_generator, 0.0),
    "least_squares": (least_squares_discriminator, least_squares_generator, 0.5),
    "wasserstein": (wasserstein_discriminator, critic_generator, 0.0),
    "hinge": (hinge_discriminator, critic_generator, 0.0),
}


class AdversarialLoss(nn.Module):
    """The losses of both networks by the objective's name, and ``boundary``, the logit above which an image is real.

    Raises:
        ArgumentError: no objective has that name.
    """

    def __init__(self, objective: Annotated[str, OneOf(OBJECTIVES)] = "non_saturating") -> None:
        super().__init__()
        check(AdversarialLoss, locals(), "loss")
        self.objective = objective
        self._discriminator, self._generator, self.boundary = OBJECTIVES[objective]

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        return self._discriminator(real.float(), generated.float())

    def generator(self, generated: Tensor) -> Tensor:
        return self._generator(generated.float())

    def extra_repr(self) -> str:
        return f"objective={self.objective}"


def gradient_penalty(discriminate: Callable[[Tensor], Tensor], real: Tensor, generated: Tensor, at: Tensor) -> Tensor:
    """The mean of ``(|gradient| - 1)^2`` of the critic, at points between real and generated images.

    ``at`` (B,) in [0, 1] is the position between the two of each pair. Gulrajani et al. 2017, arXiv:1704.00028.
    """
    at = at.view(-1, *[1] * (real.ndim - 1))
    between = (at * real + (1 - at) * generated).detach()
    return (
        (_squared_slope(discriminate, between).add(1e-12).sqrt() - 1).square().mean()
    )  # the root has no finite derivative at 0


def r1_penalty(discriminate: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Half the mean squared gradient norm at real samples. Mescheder et al. 2018, arXiv:1801.04406."""
    return 0.5 * _squared_slope(discriminate, real.detach()).mean()


def _squared_slope(discriminate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """(B, ...) -> (B,), itself differentiable: the discriminator learns from it."""
    x = x.requires_grad_()
    (slope,) = torch.autograd.grad(discriminate(x).sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(dim=1)
