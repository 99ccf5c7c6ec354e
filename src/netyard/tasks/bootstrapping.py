"""The updates of Q-learning: what is predicted is pulled to what was received and is predicted to come after."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from netyard.losses.returns import ScalarReturn
from netyard.tasks.chain import Chain

_CHUNK = 2**23  # numbers of observations that are drawn from the replay at once, at most
_ROWS = 2**11  # ... and this many transitions: their hidden layers stay in the cache


class Batch(Protocol):
    """What the replay gives for an update, B transitions."""

    observation: Tensor  # (B, *input_shape)
    action: Tensor  # int64 (B,)
    reward: Tensor  # (B,)
    discount: Tensor  # (B,), 0 where nothing comes after
    next_observation: Tensor  # (B, *input_shape)
    weight: Tensor | None  # (B,)
    place: Any


class Seen(NamedTuple):
    """Means over the updates of a round, but those of values and errors, which are of its last."""

    loss: Tensor
    q_value: Tensor  # of the actions taken
    td_error: Tensor  # absolute
    updates: int


class Bootstrap:
    """A net, the target network that follows it, and the optimizer that moves it.

    Args:
        net, target: the two networks.
        loss: in the form of ``losses/returns.py``.
        optimizer: of the net's parameters.
        double: whether the net chooses the next action that the target network values.
        target_every: updates from one change of the target network to the next.
        tau: how far it then goes; 1 is a copy.
        priority_exponent: of errors, in what the replay draws by; 0 where it draws uniformly.
        clip: largest norm of a gradient; None for any.
        by_hand: whether small networks may be computed by ``Chain``.
        updates: how many there have been.
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
        self.noisy = bool(getattr(net, "noisy", False))
        target.train(self.noisy)  # noise is part of a noisy target; batch norm and dropout are not
        by_hand = by_hand and isinstance(loss, ScalarReturn)
        self.chain, self.target_chain = (Chain.of(each) if by_hand else None for each in (net, target))
        self._weights = [each for group in optimizer.param_groups for each in group["params"]]
        # The optimizer's own step, without the hooks around it, which take longer than an update of a small network.
        self._step: Callable[[], Any] = partial(inspect.unwrap(type(optimizer).step), optimizer)
        self._losses: list[Tensor] = []

    def learn(self, replay: Any, count: int, batch_size: int, drawing: np.random.Generator, beta: float) -> None:
        """So many updates. Priorities change with each; only without them are several batches drawn at once."""
        numbers = batch_size * math.prod(replay.shape) * replay.frame_stack
        at_once = 1 if self.priority_exponent > 0 else max(1, min(_CHUNK // numbers, _ROWS // batch_size))
        while count > 0:
            # As far as the target network stays what it is, it values everything that comes after at once.
            part = min(count, at_once, self.target_every - self.updates % self.target_every)
            sample = self._here(replay.sample(part, batch_size, drawing, beta))
            after = None if self.noisy else self._after(sample.next_observation)
            for index in range(part):
                batch = type(sample)(*(None if each is None else each[index] for each in sample))
                each = self.update(batch, None if after is None else after[index])
                if self.priority_exponent > 0:
                    replay.prioritize(batch.place, each.cpu().numpy(), self.priority_exponent)
            count -= part

    def _here(self, sample: Any) -> Any:
        """The sample on the net's device, if the replay is elsewhere."""
        if sample.observation.device == self.device:
            return sample
        return type(sample)(*(each.to(self.device) if isinstance(each, Tensor) else each for each in sample))

    def update(self, batch: Batch, after: Tensor | None = None) -> Tensor:
        """One step of the optimizer; returns how wrong each prediction was, (B,).

        ``after`` is the batch's part of what ``_after`` makes, where that is known already.
        """
        if self.noisy:
            self.net.draw_noise(self.generator)
            self.target.draw_noise(self.generator)
        with torch.no_grad():
            if after is None:
                after = self._after(batch.next_observation[None])[0]
            if self.double:
                judged = (
                    self.chain.forward(batch.next_observation)[-1] if self.chain else self.net(batch.next_observation)
                )
                after = self._best(after, judged)
        outputs, wrong, loss = self._gradient(batch, after)
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self._weights, self.clip)
        with torch.no_grad():
            self._step()
        self._losses.append(loss)
        self._last = outputs, batch.reward, batch.discount, after
        self.updates += 1
        if self.updates % self.target_every == 0:
            self._follow()
        return wrong

    def seen(self) -> Seen | None:
        """What the updates since the last call were like; None where there were none."""
        if not self._losses:
            return None
        outputs, reward, discount, after = self._last
        q_value = self.loss.values(outputs)
        target = reward + discount * self.loss.values(after)
        loss, count = torch.stack(self._losses).mean(), len(self._losses)
        self._losses = []
        return Seen(loss, q_value.mean(), (q_value - target).abs().mean(), count)

    @torch.no_grad()
    def _after(self, observation: Tensor) -> Tensor:
        """What the target network makes of batches (count, B, ...): of all actions, or of the best where it chooses."""
        flat = observation.flatten(0, 1)
        outputs = self.target_chain.forward(flat)[-1] if self.target_chain else self.target(flat)
        outputs = outputs if self.double else self._best(outputs, outputs)
        return outputs.unflatten(0, observation.shape[:2])

    def _best(self, outputs: Tensor, judged: Tensor) -> Tensor:
        """The outputs of the action that is worth most in ``judged``: (B, A) -> (B,), or (B, A, N) -> (B, N)."""
        return _of(outputs, self.loss.values(judged).argmax(dim=1))

    def _gradient(self, batch: Batch, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Set the gradient of the loss; what was predicted, how wrong that was, and the (weighted) mean loss."""
        if self.chain is not None:
            passed = self.chain.forward(batch.observation)
            outputs = _of(passed[-1], batch.action)
            goal = torch.addcmul(batch.reward, batch.discount, after)
            error = outputs - goal
            slope = self.loss.slope(error)
            if slope is not None:
                each = self.loss.elementwise(outputs, goal)
                slope = slope / len(slope) if batch.weight is None else slope * batch.weight / len(slope)
                at_output = torch.zeros_like(passed[-1]).scatter_(1, batch.action[:, None], slope[:, None])
                self.chain.backward(passed, at_output)
                return outputs, error, _mean(each, batch.weight)
        outputs = _of(self.net(batch.observation), batch.action)
        each = self.loss(outputs, batch.reward, batch.discount, after)
        loss = _mean(each, batch.weight)
        for parameter in self._weights:  # the optimizer's own way takes longer
            parameter.grad = None
        loss.backward()
        # A distribution has its loss for an error, as Rainbow has it; a value how far it was off.
        scalar = isinstance(self.loss, ScalarReturn)
        outputs = outputs.detach()
        wrong = self.loss.error(outputs, batch.reward, batch.discount, after) if scalar else each.detach()
        return outputs, wrong, loss.detach()

    @torch.no_grad()
    def _follow(self) -> None:
        own, target = list(self.net.parameters()), list(self.target.parameters())
        if self.tau == 1:
            torch._foreach_copy_(target, own)
        else:
            torch._foreach_lerp_(target, own, self.tau)
        for mine, its in zip(self.net.buffers(), self.target.buffers(), strict=True):
            its.copy_(mine)


def _mean(each: Tensor, weight: Tensor | None) -> Tensor:
    return each.mean() if weight is None else (weight * each).mean()


def _of(outputs: Tensor, action: Tensor) -> Tensor:
    """The outputs of an action each: (B, A) -> (B,), or (B, A, N) -> (B, N)."""
    if outputs.ndim == 2:
        return outputs.gather(1, action[:, None]).squeeze(1)
    return outputs[torch.arange(len(action), device=action.device), action]
