"""Two computations of an update's gradient with equal results: analytic for small networks, and by autograd."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from netyard.losses.returns import ScalarReturn
from netyard.tasks.q_learning.chain import Chain


class Batch(Protocol):
    """What the replay gives for an update, B transitions."""

    observation: Tensor  # (B, *input_shape)
    action: Tensor  # int64 (B,)
    reward: Tensor  # (B,)
    discount: Tensor  # (B,), 0 where nothing comes after
    next_observation: Tensor  # (B, *input_shape)
    weight: Tensor | None  # (B,)
    row: Any  # int64 (B,), in the replay


class Prediction(NamedTuple):
    """The predictions of an update, and their errors."""

    outputs: Tensor  # of the actions taken, (B,) or (B, N)
    error: Tensor  # (B,)


class Gradient(Protocol):
    """Computes the gradient. ``after`` is the target network's output for the next observation, (B,) or (B, N)."""

    def forward(self, observation: Tensor) -> Tensor:
        """The net's outputs (B, A), or (B, A, N), without a gradient."""

    def set(self, batch: Batch, after: Tensor) -> Prediction:
        """Set the gradient of the mean loss, each transition multiplied by its weight."""

    def losses(self) -> list[Tensor]:
        """The mean loss of every update since the last call."""


class AnalyticGradient:
    """For a chain, and a loss with an analytic derivative."""

    def __init__(self, chain: Chain, loss: ScalarReturn) -> None:
        self.chain, self.loss = chain, loss
        self._errors: list[Tensor] = []
        self._weights: list[Tensor | None] = []

    def forward(self, observation: Tensor) -> Tensor:
        return self.chain.forward(observation)[-1]

    def set(self, batch: Batch, after: Tensor) -> Prediction:
        passed = self.chain.forward(batch.observation)
        taken = batch.action[:, None]
        outputs = passed[-1].gather(1, taken).squeeze(1)
        error = outputs - torch.addcmul(batch.reward, batch.discount, after)
        slope = self.loss.slope(error)
        assert slope is not None
        if batch.weight is not None:
            slope = slope * batch.weight
        slope = slope / len(slope)
        self.chain.backward(passed, torch.zeros_like(passed[-1]).scatter_(1, taken, slope[:, None]))
        self._errors.append(error)
        self._weights.append(batch.weight)
        return Prediction(outputs, error)

    def losses(self) -> list[Tensor]:
        # Computed for all updates at once, since they are only logged: one call takes as long as one update's would.
        each = [] if not self._errors else self.loss.at(torch.stack(self._errors))
        means = [_mean(*pair) for pair in zip(each, self._weights, strict=True)]
        self._errors, self._weights = [], []
        return means


class AutogradGradient:
    """For every net and loss.

    Args:
        weights: the parameters that the optimizer moves.
    """

    def __init__(self, net: nn.Module, loss: nn.Module, weights: list[Tensor]) -> None:
        self.net, self.loss, self.weights = net, loss, weights
        self._losses: list[Tensor] = []

    def forward(self, observation: Tensor) -> Tensor:
        return self.net(observation)

    def set(self, batch: Batch, after: Tensor) -> Prediction:
        with torch.enable_grad():
            outputs = select_action(self.net(batch.observation), batch.action)
            each = self.loss(outputs, batch.reward, batch.discount, after)
            loss = _mean(each, batch.weight)
            for parameter in self.weights:  # faster than the optimizer's zero_grad
                parameter.grad = None
            loss.backward()
        self._losses.append(loss.detach())
        # For a distribution the error is its loss, as in Rainbow; for a value the temporal difference.
        scalar = isinstance(self.loss, ScalarReturn)
        outputs = outputs.detach()
        error = self.loss.error(outputs, batch.reward, batch.discount, after) if scalar else each.detach()
        return Prediction(outputs, error)

    def losses(self) -> list[Tensor]:
        losses, self._losses = self._losses, []
        return losses


def select_action(outputs: Tensor, action: Tensor) -> Tensor:
    """The outputs of each sample's action: (B, A) -> (B,), or (B, A, N) -> (B, N)."""
    if outputs.ndim == 2:
        return outputs.gather(1, action[:, None]).squeeze(1)
    return outputs[torch.arange(len(action), device=action.device), action]


def _mean(each: Tensor, weight: Tensor | None) -> Tensor:
    return each.mean() if weight is None else (weight * each).mean()
