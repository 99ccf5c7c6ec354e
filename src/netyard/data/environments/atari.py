"""Atari 2600 games, preprocessed as in Mnih et al. 2015, with the settings of Machado et al. 2018."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from PIL import Image

from netyard.data.environments import create
from netyard.data.environments.experience import Experience
from netyard.ranges.bounds import Count, Index, Probability

SIDE = 84


class AtariFrames(gym.Wrapper[Any, Any, Any, Any]):
    """Repeats an action for ``frame_skip`` frames; shows the maximum of the last two, grey, uint8 (1, 84, 84).

    An episode starts after up to ``noop_max`` no-op frames. With ``life_loss`` the info of a step that loses a life
    has ``life_lost``; the episode continues.
    """

    def __init__(self, env: gym.Env[Any, Any], frame_skip: int, noop_max: int, life_loss: bool) -> None:
        super().__init__(env)
        self.frame_skip, self.noop_max, self.life_loss = frame_skip, noop_max, life_loss
        self.observation_space = spaces.Box(0, 255, (1, SIDE, SIDE), np.uint8)
        self._lives = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        frame, info = self.env.reset(seed=seed, options=options)
        # The only randomness of an episode's start: the console itself starts every game in the same state.
        noops = int(np.random.default_rng(seed).integers(self.noop_max + 1)) if self.noop_max else 0
        for _ in range(noops):
            frame, _, terminated, truncated, info = self.env.step(0)
            # A game may end while nothing is done; without a seed, so that it is not the same game again.
            if terminated or truncated:
                frame, info = self.env.reset(options=options)
        self._lives = info.get("lives", 0)
        return _shrunk(frame), {}

    def step(self, action: Any) -> Any:
        total = 0.0
        previous: Any = None
        frame: Any = None
        terminated = truncated = False
        for _ in range(self.frame_skip):
            previous = frame
            frame, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        # Some sprites are drawn in every other frame only: the maximum of two frames shows them all.
        shown = frame if previous is None else np.maximum(previous, frame)
        lives = info.get("lives", 0)
        # Not at 0 lives: then the game itself terminates.
        lost = self.life_loss and 0 < lives < self._lives
        self._lives = lives
        return _shrunk(shown), total, terminated, truncated, {"life_lost": True} if lost else {}


def _shrunk(frame: Any) -> Any:
    # A box filter is the mean over the area of a pixel, as in the published preprocessing.
    return np.asarray(Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.BOX))[None]


def make(
    id: str,
    options: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    render: bool = False,
    frame_skip: int = 4,
    noop_max: int = 30,
    life_loss: bool = False,
    sticky: float = 0.25,
) -> gym.Env[Any, Any]:
    """A game as an environment; see ``create.make``, also for what it raises."""
    create.register(id)
    ale: Any = importlib.import_module("ale_py")
    ale.ALEInterface.setLoggerMode(ale.LoggerMode.Error)  # otherwise it prints a banner
    # frameskip 1: the wrapper skips frames itself, to take the maximum of the last two.
    console = {"frameskip": 1, "repeat_action_probability": sticky, "obs_type": "grayscale"}
    # The limit counts actions, but Gymnasium applies it inside of the wrapper, where it counts frames.
    limit = None if max_episode_steps is None else max_episode_steps * frame_skip
    game = create.make(id, {**console, **(options or {})}, limit, render, adapted=False)
    return create.adapt(AtariFrames(game, frame_skip, noop_max, life_loss), id)


@dataclass(kw_only=True, eq=False, repr=False)
class Atari(Experience):
    """A game of the Atari 2600; ``id`` follows from ``game``.

    Raises:
        ConfigError: see ``Experience``.
    """

    id: str = ""
    game: str
    frame_skip: Count = 4
    """Frames that an action lasts."""
    noop_max: Index = 30
    """The largest number of no-op frames at the start of an episode."""
    life_loss: bool = False
    """Whether a lost life ends the episode for the learner (no bootstrap)."""
    sticky: Probability = 0.25
    """Chance that the console repeats the last action instead (Machado et al. 2018, arXiv:1709.06009)."""

    def __post_init__(self) -> None:
        self.id = self.id or f"ALE/{self.game}-v5"
        self.make = partial(
            make,
            frame_skip=self.frame_skip,
            noop_max=self.noop_max,
            life_loss=self.life_loss,
            sticky=self.sticky,
        )
        super().__post_init__()
