"""The updates of Q-learning: a value is moved towards the reward plus the discounted value of what follows."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.returns import ScalarReturn
from netyard.tasks.interfaces import Noisy
from netyard.tasks.q_learning.chain import Chain
from netyard.tasks.q_learning.gradients import AnalyticGradient, AutogradGradient, Batch, Gradient, select_action

_CHUNK = 2**23  # the most elements of observations that are sampled from the replay at once
_ROWS = 2**11  # the most transitions at once: their hidden layers fit in the cache


class UpdateStatistics(NamedTuple):
    """Statistics of a rollout's updates: the loss is the mean of all, values and errors are those of the last."""

    loss: Tensor
    q_value: Tensor  # of the actions taken
    td_error: Tensor  # absolute
    updates: int


class Bootstrap:
    """Updates a net by its optimizer, and the target network that follows it.

    Args:
        net, target: the two networks.
        loss: in the form of ``losses/returns.py``.
        optimizer: of the net's parameters.
        double: whether the net chooses the next action, and the target network evaluates it.
        target_every: updates between two changes of the target network.
        tau: the step of such a change towards the net; 1 copies it.
        priority_exponent: of errors in the replay's priorities; 0 samples uniformly.
        clip: largest norm of a gradient; None for any.
        by_hand: whether small networks may use the analytic gradient of ``Chain``.
        updates: the number done so far.
    """

    def __init__(
        self,
        net: nn.Module,
        target: nn.Module,
        loss: nn.Module,
        optimizer: torch.optim.Optimizer,
        double: bool,
        target_every: int,
        tau: float,
        priority_exponent: float,
        clip: float | None,
        by_hand: bool,
        generator: torch.Generator,
        updates: int = 0,
    ) -> None:
        self.net, self.target, self.loss, self.double = net, target, loss, double
        self.target_every, self.tau, self.clip = target_every, tau, clip
        self.priority_exponent, self.generator, self.updates = priority_exponent, generator, updates
        self.device = next(net.parameters()).device
        self.noisy = isinstance(net, Noisy) and bool(net.noisy)
        target.train(self.noisy)  # noise is part of a noisy target; batch norm and dropout are not
        self._weights = [each for group in optimizer.param_groups for each in group["params"]]
        self.gradient, self.target_chain = self._choose_gradient(by_hand)
        # The optimizer's own step, without the hooks around it, which take longer than an update of a small network.
        self._step: Callable[[], Any] = partial(inspect.unwrap(type(optimizer).step), optimizer)

    def _choose_gradient(self, by_hand: bool) -> tuple[Gradient, Chain | None]:
        """The gradient, and the target network as a chain if both networks are chains."""
        if by_hand and isinstance(self.loss, ScalarReturn) and self.loss.slope(torch.zeros(1)) is not None:
            chain, target = Chain.of(self.net), Chain.of(self.target)
            if chain and target:
                return AnalyticGradient(chain, self.loss), target
        return AutogradGradient(self.net, self.loss, self._weights), None

    @torch.no_grad()
    def learn(self, replay: Any, count: int, batch_size: int, drawing: np.random.Generator, beta: float) -> None:
        """Do ``count`` updates. Several batches are drawn at once only if no priorities change between them."""
        numbers = batch_size * math.prod(replay.shape) * replay.frame_stack
        at_once = 1 if self.priority_exponent > 0 else max(1, min(_CHUNK // numbers, _ROWS // batch_size))
        while count > 0:
            # Until the target network changes, one call evaluates the next observations of several batches.
            part = min(count, at_once, self.target_every - self.updates % self.target_every)
            sample = self._here(replay.sample(part, batch_size, drawing, beta))
            after = repeat(None, part) if self.noisy else self._after(sample.next_observation)
            batches = zip(*(repeat(None, part) if each is None else each for each in sample), strict=True)
            for fields, known in zip(batches, after, strict=True):
                batch = type(sample)(*fields)
                error = self.update(batch, known)
                if self.priority_exponent > 0:
                    replay.prioritize(batch.row, error.cpu().numpy(), self.priority_exponent)
            count -= part

    def _here(self, sample: Any) -> Any:
        """The sample on the net's device, if the replay is elsewhere."""
        if sample.observation.device == self.device:
            return sample
        return type(sample)(*(each.to(self.device) if isinstance(each, Tensor) else each for each in sample))

    def update(self, batch: Batch, after: Tensor | None = None) -> Tensor:
        """One step of the optimizer; returns the temporal-difference errors (B,). Autograd must be off.

        ``after`` is the batch's part of the result of ``_after``, if it was computed already.
        """
        if self.noisy:
            self.net.draw_noise(self.generator)
            self.target.draw_noise(self.generator)
        if after is None:
            after = self._after(batch.next_observation[None])[0]
        if self.double:
            after = self._best(after, self.gradient.forward(batch.next_observation))
        outputs, error = self.gradient.set(batch, after)
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self._weights, self.clip)
        self._step()
        self._last = outputs, batch.reward, batch.discount, after
        self.updates += 1
        if self.updates % self.target_every == 0:
            self._update_target()
        return error

    def statistics(self) -> UpdateStatistics | None:
        """Statistics of the updates since the last call; None if there were none."""
        losses = self.gradient.losses()
        if not losses:
            return None
        outputs, reward, discount, after = self._last
        q_value = self.loss.values(outputs)
        target = reward + discount * self.loss.values(after)
        return UpdateStatistics(
            torch.stack(losses).mean(), q_value.mean(), (q_value - target).abs().mean(), len(losses)
        )

    def _after(self, observation: Tensor) -> Tensor:
        """The target network's outputs for batches (count, B, ...): of all actions if ``double``, or of the best."""
        flat = observation.flatten(0, 1)
        outputs = self.target_chain.forward(flat)[-1] if self.target_chain else self.target(flat)
        outputs = outputs if self.double else self._best(outputs, outputs)
        return outputs.unflatten(0, observation.shape[:2])

    def _best(self, outputs: Tensor, ranked_by: Tensor) -> Tensor:
        """The outputs of the action with the largest value in ``ranked_by``: (B, A) -> (B,), or (B, A, N) -> (B, N)."""
        return select_action(outputs, self.loss.values(ranked_by).argmax(dim=1))

    def _update_target(self) -> None:
        own, target = list(self.net.parameters()), list(self.target.parameters())
        if self.tau == 1:
            torch._foreach_copy_(target, own)
        else:
            torch._foreach_lerp_(target, own, self.tau)
        for mine, its in zip(self.net.buffers(), self.target.buffers(), strict=True):
            its.copy_(mine)


def updates_per_collection(collect_steps: int, updates_per_step: float) -> int:
    """The number of updates after each collection of steps.

    Raises:
        ArgumentError: it is not a whole number of at least 1.
    """
    updates = collect_steps * updates_per_step
    if updates < 0.999 or abs(updates - round(updates)) > 1e-6:
        raise ArgumentError(
            f"task.collect_steps is {collect_steps} and task.updates_per_step {updates_per_step};",
            "their product is the updates after each collection, a whole number of at least 1;",
            f"try task.collect_steps={max(round(1 / updates_per_step), 1)}.",
        )
    return round(updates)
