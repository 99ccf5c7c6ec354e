"""What Lightning's loop must be, and is told, where a batch is a round of an agent's steps."""

from __future__ import annotations

import inspect
import math
from functools import partial
from typing import Any

import lightning as L
import torch

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import EnvironmentData


def take_over_clipping(trainer: L.Trainer) -> float | None:
    """The largest norm of a gradient; Lightning, which refuses to clip what it does not step, forgets it.

    Raises:
        ArgumentError: gradients are to be accumulated.
    """
    if trainer.accumulate_grad_batches > 1:
        raise ArgumentError(
            f"trainer.accumulate_grad_batches is {trainer.accumulate_grad_batches};",
            "task q_learning updates with whole batches;",
            "try a larger data.batch_size.",
        )
    clip = trainer.gradient_clip_val
    trainer.gradient_clip_val = None
    return None if clip is None else float(clip)


def check_loop(trainer: L.Trainer, training: bool) -> None:
    """Raise ArgumentError unless the data have environments and one device learns, in a precision without scaling."""
    data: Any = trainer.datamodule
    if not isinstance(data, EnvironmentData):
        raise ArgumentError(
            f"{type(data).__name__} has no environments;",
            "task q_learning needs data that an agent can act in;",
            "try data=cartpole.",
        )
    if training and trainer.world_size > 1:
        raise ArgumentError(
            f"the trainer has {trainer.world_size} devices;",
            "task q_learning acts and learns on one;",
            "try trainer=auto.",
        )
    if training and trainer.precision == "16-mixed":
        raise ArgumentError(
            "trainer.precision is 16-mixed;",
            "task q_learning scales no losses;",
            "try trainer.precision=bf16-mixed.",
        )


def check_optimizer(optimizer: partial[torch.optim.Optimizer]) -> None:
    """Raise ArgumentError if its step asks for the loss again."""
    kind: Any = optimizer.func
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ArgumentError(
            f"{kind.__name__} evaluates its loss several times a step;",
            "task q_learning draws a batch once;",
            "try optimizer=adam.",
        )


def run_steps(trainer: L.Trainer, steps_per_batch: int) -> float:
    """Environment steps of the whole run, infinite where nothing ends it."""
    _ = trainer.estimated_stepping_batches  # makes the loaders
    steps = math.inf
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        steps = trainer.max_epochs * trainer.num_training_batches * steps_per_batch
    return min(steps, trainer.max_steps) if trainer.max_steps >= 0 else steps


def advance(trainer: L.Trainer, steps: int) -> None:
    """Move Lightning's own counters, of steps and for the x-axis, which would have gone on by nothing and by one."""
    loop = trainer.fit_loop.epoch_loop
    loop.manual_optimization.optim_step_progress.total.completed += steps
    if hasattr(loop, "curve_step"):  # netyard's own loop: Lightning's counts batches, which a curve would show
        loop.curve_step = trainer.global_step
