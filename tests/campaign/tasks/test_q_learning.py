"""Every agent in a small world, and on a pole."""

from __future__ import annotations

import pytest

from netyard.catalog import families
from support.environments import CORRIDOR

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")


AGENTS = list(families()["dqn"]["variants"])


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_finds_the_way_in_a_small_world(train, name: str) -> None:
    small = ("data=gym", f"data.id={CORRIDOR}", "model.hidden_sizes=[16]", "data.steps_per_batch=200")
    budget = ("data.steps_per_epoch=1000", "trainer.max_epochs=2", "optimizer.lr=0.01", "task.discount=0.8")
    more = ("task.warmup_steps=100", "task.target_every=50", "data.val_episodes=10", "data.test_episodes=20")
    loss = {"c51": ("loss.v_min=-2", "loss.v_max=2"), "rainbow": ("loss.v_min=-2", "loss.v_max=2")}.get(name, ())
    ran = train(f"model={name}", *small, *budget, *more, *loss, "logger=none")
    assert ran.code == 0, ran.err
    # The best way takes 3 steps on average and none of them goes left.
    assert ran.json("results.json")["metrics"]["test/return"] > 0.6


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_learns_to_hold_the_pole(train, name: str) -> None:
    ran = train(f"model={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/return"] > 200
