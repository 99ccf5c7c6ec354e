"""Agents that learn Atari games from pixels."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.mark.parametrize("model", ["dqn", "rainbow"])
def test_agents_learn_from_pixels(train, model: str) -> None:
    """Runs, no more: a score takes millions of frames."""
    pytest.importorskip("ale_py")
    size = ("data.steps_per_batch=20", "data.steps_per_epoch=40", "data.replay_size=500", "data.batch_size=4")
    short = ("data.max_episode_steps=30", "data.val_episodes=1", "data.test_episodes=1", "task.warmup_steps=20")
    ran = train(f"model={model}", "data=atari", "data.game=Pong", *size, *short, "trainer.max_epochs=1", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["parameters"] > 1_000_000 and ran.json("results.json")["steps"] == 40
