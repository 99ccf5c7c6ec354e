"""Losses of networks that predict returns, as expected values or as distributions.

Outputs for an action are (..., num_atoms). The target is the distribution of ``reward + discount * Z``, where Z is the
prediction for the next observation.
"""

from __future__ import annotations

import copy
from typing import Annotated

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.probe import check_regression_loss
from netyard.ranges.bounds import Count, Ge, NotNegative
from netyard.ranges.signature import check


def project(probabilities: Tensor, reward: Tensor, discount: Tensor, atoms: Tensor) -> Tensor:
    """Project the distribution of ``reward + discount * Z`` onto evenly spaced atoms (N,).

    Z has the ``probabilities`` (B, N); returns (B, N). The probability of each shifted atom is split between its two
    neighbours; values outside of the range count as its ends. Bellemare, Dabney & Munos 2017, arXiv:1707.06887,
    algorithm 1.
    """
    low, high = atoms[0], atoms[-1]
    shifted = (reward[:, None] + discount[:, None] * atoms).clamp(low, high)  # (B, N)
    position = (shifted - low) / (high - low) * (len(atoms) - 1)  # b_j of the paper: 0 to N - 1, fractional
    # At most N - 2, so that the neighbour above exists. For a position of exactly N - 1 it gets all the probability;
    # with floor and ceil, as in the paper, both would be the same atom, and the probability would be lost.
    below = position.floor().clamp(max=len(atoms) - 2)
    share = (position - below) * probabilities  # of the neighbour above
    index = below.long()
    # scatter_add_ as several atoms may have the same neighbour.
    shared = torch.zeros_like(probabilities).scatter_add_(1, index, probabilities - share)
    return shared.scatter_add_(1, index + 1, share)


def quantile_huber(quantiles: Tensor, targets: Tensor, kappa: float = 1.0) -> Tensor:
    """Return the quantile Huber loss (B,) of predicted quantiles (B, N) and samples (B, M) of the target.

    Summed over quantiles and averaged over samples; ``kappa`` 0 is the absolute loss. Dabney et al. 2018,
    arXiv:1710.10044, equation 10.
    """
    count = quantiles.shape[1]
    # Midpoints of N equal intervals of [0, 1]: the quantiles that minimise the Wasserstein distance (lemma 2).
    levels = (torch.arange(count, device=quantiles.device) + 0.5) / count
    error = targets[:, None, :] - quantiles[:, :, None]  # (B, N, M)
    size = error.abs()
    if kappa > 0:
        # Divided by kappa, so that the loss tends to the absolute one as kappa tends to 0.
        size = torch.where(size <= kappa, 0.5 * error * error / kappa, size - 0.5 * kappa)
    # |tau - 1{error < 0}|: for a high quantile, samples above it cost more. Detached, as it is a step function.
    weight = (levels[:, None] - (error.detach() < 0).to(error.dtype)).abs()
    return (weight * size).mean(dim=2).sum(dim=1)


class CategoricalReturn(nn.Module):
    """Probabilities of ``num_atoms`` returns from ``v_min`` to ``v_max``, as logits, learned by cross-entropy.

    Bellemare, Dabney & Munos 2017 (C51). Returns outside of the range count as its ends.

    Raises:
        ArgumentError: fewer than two atoms, or a v_min that is not below v_max.
    """

    atoms: Tensor

    def __init__(self, num_atoms: Annotated[int, Ge(2)] = 101, v_min: float = -100.0, v_max: float = 100.0) -> None:
        super().__init__()
        check(CategoricalReturn, locals(), "loss")
        if not v_min < v_max:
            raise ArgumentError(
                f"v_min is {v_min} and v_max {v_max};",
                "v_min must be below v_max;",
                "try loss.v_min=-100 loss.v_max=100.",
            )
        self.num_atoms = num_atoms
        # Not persistent: it follows from the config, and a checkpoint need not hold it.
        self.register_buffer("atoms", torch.linspace(v_min, v_max, num_atoms), persistent=False)

    def values(self, outputs: Tensor) -> Tensor:
        """Return the expected returns: (..., N) -> (...)."""
        return outputs.softmax(dim=-1) @ self.atoms

    def forward(self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor) -> Tensor:
        """The loss of outputs (B, N) against the bootstrapped target, (B,)."""
        target = project(next_outputs.softmax(dim=1), reward, discount, self.atoms)
        # The KL divergence up to the entropy of the target, which has no gradient.
        return -(target * outputs.log_softmax(dim=1)).sum(dim=1)


class QuantileReturn(nn.Module):
    """``num_atoms`` quantiles of the return, learned by quantile regression. Dabney et al. 2018 (QR-DQN).

    Raises:
        ArgumentError: fewer than one quantile, or a negative kappa.
    """

    def __init__(self, num_atoms: Count = 51, kappa: NotNegative = 1.0) -> None:
        super().__init__()
        check(QuantileReturn, locals(), "loss")
        self.num_atoms, self.kappa = num_atoms, kappa

    def values(self, outputs: Tensor) -> Tensor:
        """Return the expected returns: (..., N) -> (...)."""
        return outputs.mean(dim=-1)  # each quantile stands for 1 / N of the probability

    def forward(self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor) -> Tensor:
        """The loss of outputs (B, N) against the bootstrapped target, (B,)."""
        # No projection: quantiles can be at any place, so those of the target are shifted and scaled themselves.
        return quantile_huber(outputs, reward[:, None] + discount[:, None] * next_outputs, self.kappa)


class ScalarReturn(nn.Module):
    """A loss of predictions and targets, as those of torch, with the interface of the losses of distributions.

    Raises:
        ArgumentError: its minimum is not at the target, or it has no ``reduction``.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        check_regression_loss(loss, 1)
        if not hasattr(loss, "reduction"):
            raise ArgumentError(
                f"loss {type(loss).__name__} has no reduction;",
                "task q_learning weights each transition;",
                "try loss=huber.",
            )
        # A copy, as the loss belongs to the caller. One value for each transition: prioritised replay weights them.
        self.elementwise = copy.deepcopy(loss)
        self.elementwise.reduction = "none"

    def values(self, outputs: Tensor) -> Tensor:
        return outputs

    def forward(self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor) -> Tensor:
        """The loss (B,) of values (B,) against ``reward + discount * next_outputs``."""
        # addcmul computes a + b * c in one kernel; in small networks the number of kernels is what takes the time.
        return self.elementwise(outputs, torch.addcmul(reward, discount, next_outputs))

    def error(self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor) -> Tensor:
        """Return the temporal-difference error of the values, (B,)."""
        return outputs - torch.addcmul(reward, discount, next_outputs)

    def at(self, error: Tensor) -> Tensor:
        """Return the loss of an error, in its shape; for losses with a ``slope``."""
        return self.elementwise(error, torch.zeros_like(error))

    def slope(self, error: Tensor) -> Tensor | None:
        """Return the derivative of the loss at an error, (B,); None for losses that need autograd."""
        # The exact type: a subclass may compute something else.
        if type(self.elementwise) is nn.HuberLoss:
            return error.clamp(-self.elementwise.delta, self.elementwise.delta)
        return 2 * error if type(self.elementwise) is nn.MSELoss else None
