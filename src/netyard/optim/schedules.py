"""Learning rate schedules: functions ``(optimizer, total_steps, **parameters)``, stepped after each optimizer step.

Time t is a fraction of the run, from 0 before the first step to 1 after the last, so that a schedule has the same shape
for every ``trainer.max_epochs``. It multiplies the initial lr of all parameter groups by a factor that depends on t
only. A checkpoint holds counters but not the length of the run: a run resumed with more epochs follows the longer
curve, where torch's ``OneCycleLR`` would raise an error and ``CosineAnnealingLR`` would increase the lr again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from netyard.errors import ArgumentError
from netyard.ranges.bounds import Ge, Gt, Index, Le, Part, Positive, Probability, Unit
from netyard.ranges.signature import check


def constant(optimizer: Optimizer, total_steps: float) -> LRScheduler:
    """Keep the lr constant; ``total_steps`` may be infinite."""
    return _Constant(optimizer)


def step(
    optimizer: Optimizer, total_steps: float, step_size: Annotated[float, Gt(0), Le(1)] = 0.3, gamma: Positive = 0.1
) -> LRScheduler:
    """Multiply the lr by ``gamma`` each time the fraction ``step_size`` of the run has passed."""
    _check(step, locals())
    # Drops strictly inside of the run: with a step_size of 0.5 there is one, and none at its end.
    drops = math.ceil(1 / step_size - ROUNDING) - 1
    return multistep(optimizer, total_steps, [drop * step_size for drop in range(1, drops + 1)], gamma)


def multistep(optimizer: Optimizer, total_steps: float, milestones: list[Part], gamma: Positive = 0.1) -> LRScheduler:
    """Multiply the lr by ``gamma`` at each milestone. He et al. 2015, arXiv:1512.03385, section 4.2: at 1/2 and 3/4."""
    _check(multistep, locals())
    return _scaled(
        optimizer, total_steps, lambda t: gamma ** sum(t >= milestone - ROUNDING for milestone in milestones)
    )


def exponential(
    optimizer: Optimizer, total_steps: float, final_ratio: Annotated[float, Gt(0), Le(1)] = 0.01
) -> LRScheduler:
    """Multiply the lr by the same number in every step, down to ``final_ratio`` of the initial lr."""
    _check(exponential, locals())
    # Given by its end, not by the factor of a step as torch's ExponentialLR, which depends on the length of the run.
    return _scaled(optimizer, total_steps, lambda t: final_ratio**t)  # lr_0 * exp(t * ln(final_ratio))


def polynomial(optimizer: Optimizer, total_steps: float, power: Positive = 1.0) -> LRScheduler:
    """Decrease the lr to 0 as ``(1 - t)^power``; linear for power 1. Chen et al. 2016, arXiv:1606.00915."""
    _check(polynomial, locals())
    return _scaled(optimizer, total_steps, lambda t: (1 - t) ** power)


def cosine(optimizer: Optimizer, total_steps: float, final_ratio: Unit = 0.0) -> LRScheduler:
    """Decrease the lr along half a cosine to ``final_ratio`` of it. Loshchilov & Hutter 2016, arXiv:1608.03983."""
    return warmup_cosine(optimizer, total_steps, warmup=0.0, final_ratio=final_ratio)


def warmup_cosine(
    optimizer: Optimizer, total_steps: float, warmup: Probability = 0.1, final_ratio: Unit = 0.0
) -> LRScheduler:
    """Linear warmup for the fraction ``warmup`` of the run, then half a cosine. Goyal et al. 2017, arXiv:1706.02677."""
    _check(warmup_cosine, locals())
    one_step = 1 / _known(total_steps)

    def factor(t: float) -> float:
        if t < warmup:
            # One step ahead: t is 0 in the first step, which would be wasted with an lr of 0.
            return (t + one_step) / (warmup + one_step)
        return _between(final_ratio, 1.0, _half_cosine((t - warmup) / (1 - warmup)))

    return _scaled(optimizer, total_steps, factor)


def one_cycle(
    optimizer: Optimizer,
    total_steps: float,
    pct_start: Part = 0.3,
    div_factor: Annotated[float, Ge(1)] = 25.0,
    final_div_factor: Annotated[float, Ge(1)] = 1e4,
    base_momentum: Probability = 0.85,
    max_momentum: Probability = 0.95,
) -> LRScheduler:
    """Increase the lr to that of the optimizer at ``pct_start`` of the run, then decrease it; momentum the opposite.

    Parameters and curve are those of torch's ``OneCycleLR``. Momentum changes only if the optimizer uses it: a
    ``momentum`` above 0, or the first of its ``betas``. Smith & Topin 2017, arXiv:1708.07120.
    """
    _check(one_cycle, locals())
    steps = _known(total_steps)
    start, end = 1 / div_factor, 1 / (div_factor * final_div_factor)

    def height(t: float) -> float:
        # 0 at both ends of the run, 1 at pct_start. The lr is high where momentum is low, so that steps stay bounded.
        return _half_cosine((t - pct_start) / (1 - pct_start)) if t > pct_start else _half_cosine(1 - t / pct_start)

    return _MomentumCycle(
        optimizer,
        lambda at: _between(end if at / steps > pct_start else start, 1.0, height(min(at / steps, 1.0))),
        lambda at: _between(max_momentum, base_momentum, height(min(at / steps, 1.0))),
    )


def plateau(
    optimizer: Optimizer,
    total_steps: float,
    mode: Literal["min", "max"] = "min",
    factor: Part = 0.5,
    patience: Index = 3,
) -> LRScheduler:
    """Multiply the lr by ``factor`` after more than ``patience`` validations in a row without a better score."""
    _check(plateau, locals())
    return ReduceLROnPlateau(optimizer, mode=mode, factor=factor, patience=patience)


ROUNDING = 1e-9  # 3 * 0.1 is slightly above 0.3, and a milestone must not be reached one step late because of it


class _Constant(LRScheduler):
    """Count steps only: a ``LambdaLR`` with a factor of 1 would take 1 % of the time of training a small network."""

    def step(self, epoch: int | None = None) -> None:
        # The counters of LRScheduler.step: Lightning reads the last lr, and a checkpoint holds them.
        self._step_count += 1
        self.last_epoch += 1
        self._last_lr = self.base_lrs


class _MomentumCycle(LambdaLR):
    """A ``LambdaLR`` that also sets the momentum of parameter groups that use one."""

    def __init__(
        self, optimizer: Optimizer, lr_factor: Callable[[int], float], momentum: Callable[[int], float]
    ) -> None:
        self.momentum = momentum  # before the base class, whose constructor calls get_lr
        super().__init__(optimizer, lr_factor)

    def get_lr(self) -> list[Any]:
        momentum = self.momentum(self.last_epoch)
        for group in self.optimizer.param_groups:
            if group.get("momentum", 0) > 0:  # SGD has the key always; 0 means without momentum
                group["momentum"] = momentum
            elif "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
        return super().get_lr()

    def state_dict(self) -> dict[str, Any]:
        # A function is not state, and torch.load(weights_only=True) would refuse the checkpoint.
        return {key: value for key, value in super().state_dict().items() if key != "momentum"}


def _scaled(optimizer: Optimizer, total_steps: float, factor: Callable[[float], float]) -> LambdaLR:
    steps = _known(total_steps)
    # t stays 1 after total_steps, which is an estimate: the factors are not defined beyond the end.
    return LambdaLR(optimizer, lambda at: factor(min(at / steps, 1.0)))


def _known(total_steps: float) -> int:
    if not math.isfinite(total_steps):
        raise ArgumentError(
            f"the number of optimizer steps of the run is {total_steps};",
            "this schedule depends on the fraction of the run that has passed, so it needs a finite number;",
            "try trainer.max_steps=10000, or scheduler=constant.",
        )
    return max(1, int(total_steps))


def _half_cosine(t: float) -> float:
    """1 at t = 0, 0 at t = 1, level at both ends."""
    return 0.5 * (1 + math.cos(math.pi * t))


def _between(low: float, high: float, height: float) -> float:
    return low + (high - low) * height


def _check(schedule: Callable[..., LRScheduler], arguments: Mapping[str, Any]) -> None:
    """Raise ArgumentError for a parameter of a schedule that is outside of its range."""
    # total_steps is infinite for a run without a known end, which `_known` refuses with a message of its own.
    own = {name: value for name, value in arguments.items() if name != "total_steps"}
    check(schedule, own, "scheduler")
