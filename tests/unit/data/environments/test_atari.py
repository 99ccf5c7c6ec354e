"""Atari games as agents see them, on the real console where it is installed, and on one made by hand."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from netyard.data.environments.atari import Atari, AtariFrames
from netyard.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


class Console(gym.Env[Any, Any]):
    """Every frame is one brighter than the last; odd frames show only the left half. A life is lost every 6 frames."""

    observation_space = spaces.Box(0, 255, (210, 160), np.uint8)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.frame = 0
        return self._shown(), {"lives": 3}

    def step(self, action: Any) -> Any:
        self.frame += 1
        return self._shown(), 1.0, self.frame >= 18, False, {"lives": 3 - self.frame // 6}

    def _shown(self) -> Any:
        picture = np.full((210, 160), self.frame, np.uint8)
        picture[:, 80 * (self.frame % 2 == 0) :][:, :80] = 0
        return picture


def test_an_action_lasts_four_frames_of_which_the_brighter_pixels_are_shown() -> None:
    env = AtariFrames(Console(), frame_skip=4, noop_max=0, life_loss=False)
    frame, _ = env.reset(seed=0)
    assert frame.shape == (1, 84, 84) and frame.dtype == np.uint8
    frame, reward, terminated, truncated, info = env.step(1)
    assert reward == 4.0 and not terminated and not truncated and info == {}
    assert sorted(np.unique(frame[0, :, :41])) == [4] and sorted(np.unique(frame[0, :, 43:])) == [3]
    ended = [env.step(1)[2] for _ in range(4)]
    assert ended == [False, False, False, True]


def test_a_lost_life_is_told_if_that_is_asked_for() -> None:
    for life_loss in (False, True):
        env = AtariFrames(Console(), 4, 0, life_loss)
        env.reset(seed=0)
        told = ["life_lost" in env.step(0)[4] for _ in range(5)]
        assert told == ([False, True, True, False, False] if life_loss else [False] * 5), "the last life is the end"


def test_an_episode_begins_after_some_frames_of_nothing_that_its_seed_decides() -> None:
    starts = []
    for seed in (0, 1, 2, 3, 0):
        env = AtariFrames(Console(), 1, 9, False)
        env.reset(seed=seed)
        starts.append(env.unwrapped.frame)
    assert starts[0] == starts[-1] and len(set(starts)) > 1 and max(starts) <= 9


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^(frame_skip|noop_max|sticky) is .*; it must be "):
        Atari(game="Pong", sticky=1.0)


def test_pong_goes_on_where_a_checkpoint_left_it() -> None:
    pytest.importorskip("ale_py")
    sizes = {"steps_per_batch": 10, "steps_per_epoch": 10, "replay_size": 200, "frame_stack": 4, "clip_rewards": True}
    first, second = (Atari(game="Pong", **sizes) for _ in range(2))
    assert first.facts().items() >= {"input_shape": [4, 84, 84], "num_actions": 6}.items()
    first.open(1, 0.99, False, torch.device("cpu"))
    rng = np.random.default_rng(0)
    for _ in range(60):
        first.step(rng.integers(6, size=1))
    second.load_state_dict(first.state_dict())
    second.open(1, 0.99, False, torch.device("cpu"))
    for _ in range(40):
        actions = rng.integers(6, size=1)
        first.step(actions)
        second.step(actions)
    assert np.array_equal(first.observations, second.observations)
    assert torch.equal(first._replay.frames, second._replay.frames)
    assert first._replay.frames[100].float().std() > 1, "a picture of something"


def test_an_unknown_game_is_refused_with_the_nearest() -> None:
    pytest.importorskip("ale_py")
    with pytest.raises(ConfigError, match=r"no environment ALE/Pogn-v5; did you mean .*ALE/Pong-v5"):
        Atari(game="Pogn").facts()


def test_minatar_plays(train) -> None:
    pytest.importorskip("minatar")
    size = ("data.steps_per_batch=100", "data.steps_per_epoch=200", "task.warmup_steps=100", "trainer.max_epochs=1")
    ran = train("model=dqn", "data=minatar_breakout", *size, "data.val_episodes=2", "data.test_episodes=2")
    assert ran.code == 0, ran.err
    assert (ran.path / "pictures" / "test_episode.gif").is_file()
