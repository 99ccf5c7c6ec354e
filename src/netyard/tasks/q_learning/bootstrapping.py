"""The updates of Q-learning: each value is moved towards the reward plus the discounted value of the next state."""

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
from netyard.tasks.q_learning.acting import only_valid
from netyard.tasks.q_learning.chain import Chain
from netyard.tasks.q_learning.gradients import AnalyticGradient, AutogradGradient, Batch, Gradient, select_action

# Limits of what is sampled from the replay at once, for memory and speed.
_CHUNK = 2**23  # elements of observations
_ROWS = 2**11  # transitions: their hidden layers fit in the CPU's cache


class UpdateStatistics(NamedTuple):
    """Statistics of a rollout's updates: ``loss`` is the mean over all, the others are of the last update."""

    loss: Tensor
    q_value: Tensor  # of the actions taken
    td_error: Tensor  # absolute
    updates: int


class Bootstrap:
    """Update a net by its optimizer, and the target network from the net.

    Args:
        net: the network that is trained.
        target: the target network, a copy of it that changes more slowly.
        loss: see ``losses/returns.py``.
        optimizer: of the net's parameters.
        double: whether the net chooses the next action, and the target network evaluates it.
        target_every: updates between two changes of the target network.
        tau: the weight of the net in such a change; 1 copies the net.
        priority_exponent: exponent of the errors in the replay's priorities; 0 samples uniformly.
        clip: the largest norm of a gradient; None does not clip.
        analytic: whether small networks may use the analytic gradient of ``Chain``.
        generator: for the noise of noisy networks.
        updates: the number of updates done so far.
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
        analytic: bool,
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
        self.gradient, self.target_chain = self._choose_gradient(analytic)
        # torch wraps ``step`` for profiling and hooks, which take longer than the update of a small network.
        self._step: Callable[[], Any] = partial(inspect.unwrap(type(optimizer).step), optimizer)

    def _choose_gradient(self, analytic: bool) -> tuple[Gradient, Chain | None]:
        """Return the gradient's computation, and the target network as a chain if both networks are chains."""
        if analytic and isinstance(self.loss, ScalarReturn) and self.loss.slope(torch.zeros(1)) is not None:
            chain, target = Chain.of(self.net), Chain.of(self.target)
            if chain and target:
                return AnalyticGradient(chain, self.loss), target
        return AutogradGradient(self.net, self.loss, self._weights), None

    @torch.no_grad()
    def learn(self, replay: Any, count: int, batch_size: int, rng: np.random.Generator, beta: float) -> None:
        """Do ``count`` updates, each with a batch of ``batch_size`` transitions.

        Args:
            replay: see ``data.environments.replay``.
            rng: by which transitions are sampled.
            beta: exponent of the importance weights.
        """
        # Several batches are sampled in one call, unless each update changes the priorities of the next.
        numbers = batch_size * math.prod(replay.shape) * replay.frame_stack
        at_once = 1 if self.priority_exponent > 0 else max(1, min(_CHUNK // numbers, _ROWS // batch_size))
        while count > 0:
            # The target network is constant until its next change, so one call evaluates all batches before that.
            part = min(count, at_once, self.target_every - self.updates % self.target_every)
            sample = self._on_device(replay.sample(part, batch_size, rng, beta))
            # A noisy target is evaluated in each update instead, because it gets new noise there.
            evaluated = (
                repeat(None, part) if self.noisy else self._target_outputs(sample.next_observation, sample.next_mask)
            )
            batches = zip(*(repeat(None, part) if each is None else each for each in sample), strict=True)
            for fields, next_outputs in zip(batches, evaluated, strict=True):
                batch = type(sample)(*fields)
                error = self.update(batch, next_outputs)
                if self.priority_exponent > 0:
                    replay.prioritize(batch.row, error.cpu().numpy(), self.priority_exponent)
            count -= part

    def _on_device(self, sample: Any) -> Any:
        """Return the sample on the net's device; the replay may be on another."""
        if sample.observation.device == self.device:
            return sample
        return type(sample)(*(each.to(self.device) if isinstance(each, Tensor) else each for each in sample))

    def update(self, batch: Batch, next_outputs: Tensor | None = None) -> Tensor:
        """Take one step of the optimizer, and return the temporal-difference errors (B,). Autograd must be off.

        ``next_outputs`` is this batch's result of ``_target_outputs``, if it is computed already.
        """
        if self.noisy:
            # Independent noise in both networks: Fortunato et al. 2018, arXiv:1706.10295, section 3.1.
            self.net.draw_noise(self.generator)
            self.target.draw_noise(self.generator)
        if next_outputs is None:
            mask = None if batch.next_mask is None else batch.next_mask[None]
            next_outputs = self._target_outputs(batch.next_observation[None], mask)[0]
        if self.double:
            # The net chooses and the target network evaluates: the maximum of one noisy estimate is biased upwards.
            # van Hasselt et al. 2016, arXiv:1509.06461.
            own = self.gradient.forward(batch.next_observation)
            next_outputs = self._best(next_outputs, own, batch.next_mask)
        outputs, error = self.gradient.set(batch, next_outputs)
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self._weights, self.clip)
        self._step()
        self._last = outputs, batch.reward, batch.discount, next_outputs
        self.updates += 1
        if self.updates % self.target_every == 0:
            self._update_target()
        return error

    def statistics(self) -> UpdateStatistics | None:
        """Return statistics of the updates since the last call; None if there were none."""
        losses = self.gradient.losses()
        if not losses:
            return None
        outputs, reward, discount, next_outputs = self._last
        q_value = self.loss.values(outputs)
        target = reward + discount * self.loss.values(next_outputs)
        return UpdateStatistics(
            torch.stack(losses).mean(), q_value.mean(), (q_value - target).abs().mean(), len(losses)
        )

    def _target_outputs(self, observation: Tensor, masks: Tensor | None) -> Tensor:
        """Return the target network's outputs for batches (count, B, ...): of all actions if double, else the best.

        ``masks``, bool (count, B, num_actions), are the valid actions; None: all are.
        """
        flat = observation.flatten(0, 1)
        outputs = self.target_chain.forward(flat)[-1] if self.target_chain else self.target(flat)
        if not self.double:
            outputs = self._best(outputs, outputs, None if masks is None else masks.flatten(0, 1))
        return outputs.unflatten(0, observation.shape[:2])

    def _best(self, outputs: Tensor, ranked_by: Tensor, mask: Tensor | None) -> Tensor:
        """Return the outputs of the valid action with the largest value in ``ranked_by``: (B, A[, N]) -> (B[, N])."""
        values = self.loss.values(ranked_by)
        return select_action(outputs, (values if mask is None else only_valid(values, mask)).argmax(dim=1))

    def _update_target(self) -> None:
        # One call for all parameters; a loop over them would take longer than the update of a small network.
        own, target = list(self.net.parameters()), list(self.target.parameters())
        if self.tau == 1:
            torch._foreach_copy_(target, own)
        else:
            torch._foreach_lerp_(target, own, self.tau)
        # Buffers (running statistics of batch norm, drawn noise) are copied, because some are integers.
        for own_buffer, target_buffer in zip(self.net.buffers(), self.target.buffers(), strict=True):
            target_buffer.copy_(own_buffer)


def updates_per_collection(collect_steps: int, updates_per_step: float) -> int:
    """Return the number of updates after each collection of steps.

    Raises:
        ArgumentError: it is not a whole number of at least 1.
    """
    updates = collect_steps * updates_per_step
    # A tolerance for rounding: 3 * (1 / 3) need not be exactly 1.
    if updates < 0.999 or abs(updates - round(updates)) > 1e-6:
        raise ArgumentError(
            f"task.collect_steps is {collect_steps} and task.updates_per_step {updates_per_step};",
            "their product is the updates after each collection, a whole number of at least 1;",
            f"try task.collect_steps={max(round(1 / updates_per_step), 1)}.",
        )
    return round(updates)
