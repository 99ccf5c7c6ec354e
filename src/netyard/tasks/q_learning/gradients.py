"""Two ways to compute the gradient of an update, with equal results: analytic for small networks, and autograd."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from netyard.losses.returns import ScalarReturn
from netyard.tasks.q_learning.chain import Chain


class Batch(Protocol):
    """A batch of B transitions, sampled from the replay."""

    observation: Tensor  # (B, *input_shape)
    action: Tensor  # int64 (B,)
    reward: Tensor  # (B,), the discounted sum of n rewards
    discount: Tensor  # (B,), discount^n; 0 if the episode terminated within the n steps
    next_observation: Tensor  # (B, *input_shape)
    weight: Tensor | None  # (B,), importance weights; None if sampling is uniform
    row: Any  # int64 (B,), the index in the replay
    next_mask: Tensor | None  # bool (B, num_actions), the valid actions of next_observation; None: all are


class Prediction(NamedTuple):
    """The predictions of an update, and their errors."""

    outputs: Tensor  # of the actions taken: values (B,), or distributions (B, N)
    error: Tensor  # (B,), temporal-difference errors, from which priorities are computed


class Gradient(Protocol):
    """The interface of both. ``next_outputs`` are the target network's for the next observation, (B,) or (B, N)."""

    def forward(self, observation: Tensor) -> Tensor:
        """Return the net's outputs, (B, A) or (B, A, N), without a graph."""

    def set(self, batch: Batch, next_outputs: Tensor) -> Prediction:
        """Set every parameter's gradient to that of the mean loss, weighted by the transitions' weights."""

    def losses(self) -> list[Tensor]:
        """Return the mean loss of each update since the last call."""


class AnalyticGradient:
    """The analytic gradient of a ``Chain`` and a loss whose derivative is known: squared error or Huber."""

    def __init__(self, chain: Chain, loss: ScalarReturn) -> None:
        self.chain, self.loss = chain, loss
        self._errors: list[Tensor] = []
        self._weights: list[Tensor | None] = []

    def forward(self, observation: Tensor) -> Tensor:
        return self.chain.forward(observation)[-1]

    def set(self, batch: Batch, next_outputs: Tensor) -> Prediction:
        activations = self.chain.forward(batch.observation)
        taken = batch.action[:, None]  # (B, 1)
        outputs = activations[-1].gather(1, taken).squeeze(1)  # (B,)
        # Q(s, a) - (r + discount * Q_target(s', a')): the temporal-difference error.
        error = outputs - torch.addcmul(batch.reward, batch.discount, next_outputs)
        grad = self.loss.slope(error)  # d loss / d output of each transition, (B,)
        assert grad is not None
        if batch.weight is not None:
            grad = grad * batch.weight
        grad = grad / len(grad)  # the loss is the mean over the batch
        # Only the outputs of the actions taken are in the loss; the gradient of all others is 0.
        self.chain.backward(activations, torch.zeros_like(activations[-1]).scatter_(1, taken, grad[:, None]))
        self._errors.append(error)
        self._weights.append(batch.weight)
        return Prediction(outputs, error)

    def losses(self) -> list[Tensor]:
        # The losses are only logged, so they are computed for all updates in one call, which takes as long as for one.
        each = [] if not self._errors else self.loss.at(torch.stack(self._errors))
        means = [_mean(*pair) for pair in zip(each, self._weights, strict=True)]
        self._errors, self._weights = [], []
        return means


class AutogradGradient:
    """The gradient of any net and loss, by autograd.

    Args:
        weights: the parameters that the optimizer updates.
    """

    def __init__(self, net: nn.Module, loss: nn.Module, weights: list[Tensor]) -> None:
        self.net, self.loss, self.weights = net, loss, weights
        self._losses: list[Tensor] = []

    def forward(self, observation: Tensor) -> Tensor:
        return self.net(observation)

    def set(self, batch: Batch, next_outputs: Tensor) -> Prediction:
        with torch.enable_grad():  # it is off in ``Bootstrap.learn``
            outputs = select_action(self.net(batch.observation), batch.action)
            # next_outputs have no graph: only the prediction moves, not the target ("semi-gradient").
            each = self.loss(outputs, batch.reward, batch.discount, next_outputs)  # (B,)
            loss = _mean(each, batch.weight)
            for parameter in self.weights:  # faster than the optimizer's zero_grad
                parameter.grad = None
            loss.backward()
        self._losses.append(loss.detach())
        # The priority of a distribution is its loss, as in Rainbow (Hessel et al. 2018); of a value it is the
        # temporal-difference error.
        scalar = isinstance(self.loss, ScalarReturn)
        outputs = outputs.detach()
        error = self.loss.error(outputs, batch.reward, batch.discount, next_outputs) if scalar else each.detach()
        return Prediction(outputs, error)

    def losses(self) -> list[Tensor]:
        losses, self._losses = self._losses, []
        return losses


def select_action(outputs: Tensor, action: Tensor) -> Tensor:
    """Return the outputs of each sample's action: (B, A) -> (B,), or (B, A, N) -> (B, N)."""
    if outputs.ndim == 2:  # gather is faster than indexing, but would need an index of N for distributions
        return outputs.gather(1, action[:, None]).squeeze(1)
    return outputs[torch.arange(len(action), device=action.device), action]


def _mean(each: Tensor, weight: Tensor | None) -> Tensor:
    return each.mean() if weight is None else (weight * each).mean()
