"""An agent with a small network and a constant learning rate, its data and trainer, and checks of agents that learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from netyard.data.environments.experience import Experience
from netyard.models.q_network import QNetwork
from netyard.tasks.q_learning.q_learning import QLearning
from support.command_result import Ran
from support.environments import CORRIDOR, Corridor

EXACT: list[dict[str, Any]] = [{}, {"priority_exponent": 0.6}, {"n_steps": 3}, {"double": True}]
"""Settings of agents that learn the values of the corridor."""


def constant(optimizer: torch.optim.Optimizer, total: float) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def task_of(net: nn.Module | None = None, loss: nn.Module | None = None, lr: float = 0.01, **keys: Any) -> QLearning:
    torch.manual_seed(0)
    optimizer = partial(torch.optim.Adam, lr=lr)
    return QLearning(
        net or QNetwork((4,), 2, hidden_sizes=[16]), loss or nn.MSELoss(), optimizer, constant, num_outputs=2, **keys
    )


def data_of(id: str = "CartPole-v1", **keys: Any) -> Experience:
    settings = {"steps_per_batch": 50, "steps_per_epoch": 200, "batch_size": 8, "val_episodes": 2, "replay_size": 2000}
    return Experience(id=id, **{**settings, "test_episodes": 2, **keys})


def trainer_of(epochs: int = 1, **keys: Any) -> L.Trainer:
    settings = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(max_epochs=epochs, accelerator="cpu", enable_model_summary=False, **{**settings, **keys})


def check_exact_values(keys: dict[str, Any]) -> None:
    """Truncation after ten steps must not change them: the values of a policy that goes on for ever are known."""
    world = Corridor()
    task = task_of(
        QNetwork((5,), 2, hidden_sizes=[]),
        lr=0.05,
        discount=0.8,
        warmup_steps=100,
        target_every=20,
        epsilon_end=1.0,
        **keys,
    )
    if "n_steps" in keys:  # returns of several steps are of the policy that acted: greedy but for a little
        task.exploration.end, task.exploration.fraction = 0.0, 0.2
    trainer_of(10, limit_val_batches=0).fit(task, data_of(CORRIDOR, steps_per_epoch=400, batch_size=32))
    learned = task(torch.eye(5)).detach().numpy()
    exact = world.values(0.8)
    if "n_steps" in keys:
        assert np.abs(learned[:, 1] - exact[:, 1]).max() < 0.1
    else:
        assert np.abs(learned - exact).max() < 0.03
    assert (learned.argmax(1) == exact.argmax(1)).all()


def check_mistake(train: Callable[..., Ran], words: tuple[str, ...], code: int, said: str) -> None:
    """A command of an agent is refused with this message."""
    ran = train(*words, "logger=none", "trainer=cpu")
    assert ran.code == code, ran.err
    assert said in ran.err and "Traceback" not in ran.err


def check_finds_way(train: Callable[..., Ran], model: str) -> None:
    """An agent learns the corridor from the command line."""
    small = ("data=gym", f"data.id={CORRIDOR}", "model.hidden_sizes=[16]", "data.steps_per_batch=200")
    budget = ("data.steps_per_epoch=1000", "trainer.max_epochs=2", "optimizer.lr=0.01", "task.discount=0.8")
    more = ("task.warmup_steps=100", "task.target_every=50", "data.val_episodes=10", "data.test_episodes=20")
    loss = ("loss.v_min=-2", "loss.v_max=2") if model in ("c51", "rainbow") else ()
    ran = train(f"model={model}", *small, *budget, *more, *loss, "logger=none")
    assert ran.code == 0, ran.err
    # The best way takes 3 steps on average and none of them goes left.
    assert ran.json("results.json")["metrics"]["test/return"] > 0.6


def check_learns_from_pixels(train: Callable[..., Ran], model: str) -> None:
    """An agent trains on Atari from the command line, without a score, which would take millions of frames."""
    pytest.importorskip("ale_py")
    size = ("data.steps_per_batch=20", "data.steps_per_epoch=40", "data.replay_size=500", "data.batch_size=4")
    short = ("data.max_episode_steps=30", "data.val_episodes=1", "data.test_episodes=1", "task.warmup_steps=20")
    ran = train(f"model={model}", "data=atari", "data.game=Pong", *size, *short, "trainer.max_epochs=1", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["parameters"] > 1_000_000 and ran.json("results.json")["steps"] == 40
