"""Losses of generator and discriminator, computed from the discriminator's logits ``(B,)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check


def cross_entropy_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Binary cross-entropy of real (1) and generated (0) images, in nats. Goodfellow et al. 2014, arXiv:1406.2661."""
    # softplus(-x) = -log sigmoid(x) and softplus(x) = -log(1 - sigmoid(x)), without overflow for large logits.
    return F.softplus(-real).mean() + F.softplus(generated).mean()


def minimax_generator(generated: Tensor) -> Tensor:
    """The negative of the discriminator's loss (eq. 1); its gradient vanishes where the discriminator is certain."""
    return -F.softplus(generated).mean()


def non_saturating_generator(generated: Tensor) -> Tensor:
    """Cross-entropy of being classified as real; its gradient does not vanish. Same paper, end of section 3."""
    return F.softplus(-generated).mean()


def least_squares_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Squared distance to 1 for real and to 0 for generated. Mao et al. 2017, arXiv:1611.04076, equation 9."""
    return 0.5 * ((real - 1).square().mean() + generated.square().mean())


def least_squares_generator(generated: Tensor) -> Tensor:
    """Squared distance to 1, the label of real images. Same paper, equation 9."""
    return 0.5 * (generated - 1).square().mean()


def wasserstein_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """The negative estimate of the Wasserstein distance. Arjovsky et al. 2017, arXiv:1701.07875, equation 3."""
    # A distance only as long as the critic is Lipschitz: clipped weights, or `gradient_penalty`.
    return generated.mean() - real.mean()


def hinge_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Zero beyond the margins 1 and -1. Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957."""
    # Images that are classified with this margin have no gradient: only difficult ones are learned from.
    return F.relu(1 - real).mean() + F.relu(1 + generated).mean()


def critic_generator(generated: Tensor) -> Tensor:
    """The negative of the critic's score, for ``wasserstein`` and ``hinge``."""
    return -generated.mean()


# Name -> loss of the discriminator, loss of the generator, threshold: the logit above which an image counts as real.
# It is 0.5 for least squares, halfway between its labels 0 and 1.
OBJECTIVES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor], float]] = {
    "non_saturating": (cross_entropy_discriminator, non_saturating_generator, 0.0),
    "minimax": (cross_entropy_discriminator, minimax_generator, 0.0),
    "least_squares": (least_squares_discriminator, least_squares_generator, 0.5),
    "wasserstein": (wasserstein_discriminator, critic_generator, 0.0),
    "hinge": (hinge_discriminator, critic_generator, 0.0),
}


class AdversarialLoss(nn.Module):
    """The losses of both networks for an objective, and ``boundary``, the logit above which an image counts as real.

    Raises:
        ArgumentError: no objective has that name.
    """

    def __init__(self, objective: Annotated[str, OneOf(OBJECTIVES)] = "non_saturating") -> None:
        super().__init__()
        check(AdversarialLoss, locals(), "loss")
        self.objective = objective
        self._discriminator, self._generator, self.boundary = OBJECTIVES[objective]

    # In float32 under mixed precision too: means over a batch lose digits in float16.
    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        return self._discriminator(real.float(), generated.float())

    def generator(self, generated: Tensor) -> Tensor:
        return self._generator(generated.float())

    def extra_repr(self) -> str:
        return f"objective={self.objective}"


def gradient_penalty(discriminate: Callable[[Tensor], Tensor], real: Tensor, generated: Tensor, at: Tensor) -> Tensor:
    """Return the mean of ``(|gradient| - 1)^2`` of the critic at points between real and generated images.

    ``at`` (B,) in [0, 1] is the position between the two images of each pair. Gulrajani et al. 2017, arXiv:1704.00028,
    equation 3.
    """
    at = at.view(-1, *[1] * (real.ndim - 1))
    # Detached: the penalty is learned by the critic, and its points are constants.
    between = (at * real + (1 - at) * generated).detach()
    # The derivative of the root is infinite at 0, hence the small number.
    return (_squared_slope(discriminate, between).add(1e-12).sqrt() - 1).square().mean()


def r1_penalty(discriminate: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Return half of the mean squared gradient norm at real samples. Mescheder et al. 2018, arXiv:1801.04406, eq. 9."""
    return 0.5 * _squared_slope(discriminate, real.detach()).mean()


def _squared_slope(discriminate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the squared norm of the gradient at each sample: (B, ...) -> (B,)."""
    x = x.requires_grad_()
    # The sum has all gradients of samples at once, as long as each logit depends on its own sample: no batch norm.
    # create_graph makes the gradient itself differentiable, since the discriminator learns from it.
    (slope,) = torch.autograd.grad(discriminate(x).sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(dim=1)
