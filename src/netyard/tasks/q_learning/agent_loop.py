"""Lightning's loop for reinforcement learning, with rollouts as batches: checks of its settings, and its counters."""

from __future__ import annotations

import inspect
import math
from functools import partial
from typing import Any

import lightning as L
import torch
from torch import nn

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import EnvironmentData


def take_over_clipping(trainer: L.Trainer) -> float | None:
    """Return the trainer's ``gradient_clip_val``, and reset it, which Lightning refuses with manual optimization.

    Raises:
        ArgumentError: the trainer accumulates gradients, or clips them by value.
    """
    if trainer.accumulate_grad_batches > 1:
        raise ArgumentError(
            f"trainer.accumulate_grad_batches is {trainer.accumulate_grad_batches};",
            "task q_learning does not accumulate gradients;",
            "try a larger data.batch_size.",
        )
    if trainer.gradient_clip_algorithm == "value":
        raise ArgumentError(
            "trainer.gradient_clip_algorithm is value;",
            "task q_learning clips the norm of its gradients;",
            "try trainer.gradient_clip_algorithm=norm.",
        )
    # ``Bootstrap`` clips instead, before each of its own optimizer steps.
    clip = trainer.gradient_clip_val
    trainer.gradient_clip_val = None
    return None if clip is None else float(clip)


def check_loop(trainer: L.Trainer, training: bool) -> None:
    """Raise ArgumentError unless the data are environments, and training uses one device and no loss scaling."""
    data: Any = trainer.datamodule
    if not isinstance(data, EnvironmentData):
        raise ArgumentError(
            "the data have no environments;",
            "task q_learning needs data that an agent can act in;",
            "try data=cartpole.",
        )
    if training and trainer.world_size > 1:
        raise ArgumentError(
            f"the trainer has {trainer.world_size} devices;",
            "task q_learning trains on one device;",
            "try trainer=auto.",
        )
    if training and trainer.precision == "16-mixed":
        raise ArgumentError(
            "trainer.precision is 16-mixed;",
            "task q_learning has no loss scaling, which float16 needs;",
            "try trainer.precision=bf16-mixed.",
        )


def check_optimizer(optimizer: partial[torch.optim.Optimizer]) -> None:
    """Raise ArgumentError if the optimizer's step needs a closure that evaluates the loss, as that of L-BFGS."""
    kind: Any = optimizer.func
    # Optimizers that only accept a closure have a default of None; L-BFGS has no default.
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ArgumentError(
            f"{kind.__name__} evaluates its loss several times a step;",
            "task q_learning evaluates the loss once for each batch;",
            "try optimizer=adam.",
        )


def check_atoms(net: nn.Module, loss: nn.Module) -> None:
    """Raise ArgumentError if the loss is of another number of values for each action than the network returns."""
    # A network without the attribute returns one value; a loss without it takes as many as there are.
    wanted, given = getattr(loss, "num_atoms", None), getattr(net, "num_atoms", 1)
    if wanted not in (None, given):
        raise ArgumentError(
            f"{type(net).__name__} returns {given} value(s) for each action, and {type(loss).__name__} takes {wanted};",
            "the loss of a distribution needs a network that returns the distribution;",
            "try model=c51 for loss=categorical_return, model=qr_dqn for loss=quantile_return, or loss=huber.",
        )


def run_steps(trainer: L.Trainer, steps_per_batch: int) -> float:
    """Return the environment steps of the whole run; infinite if neither epochs nor steps are limited."""
    _ = trainer.estimated_stepping_batches  # creates the loaders, which set num_training_batches
    steps = math.inf
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        steps = trainer.max_epochs * trainer.num_training_batches * steps_per_batch
    # ``max_steps`` is compared with ``global_step``, which ``advance`` makes a number of environment steps.
    return min(steps, trainer.max_steps) if trainer.max_steps >= 0 else steps


def advance(trainer: L.Trainer, steps: int) -> None:
    """Advance Lightning's counters by environment steps.

    With manual optimization Lightning counts the steps of its own optimizer wrapper, which is not used here, so
    ``global_step`` would stay 0.
    """
    loop = trainer.fit_loop.epoch_loop
    loop.manual_optimization.optim_step_progress.total.completed += steps
    # In netyard's own loop the x-axis of curves is set too; it would count batches, as in Lightning's loop.
    if hasattr(loop, "curve_step"):
        loop.curve_step = trainer.global_step
