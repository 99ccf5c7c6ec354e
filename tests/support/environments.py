"""Simple environments whose returns are known exactly."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Counting(gym.Env[Any, Any]):
    """The observation is the step of the episode and its seed; the reward is ten times the step, plus the action.

    Terminates after ``length`` steps; ``fault`` says what is wrong with it at step 3.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        length: int = 5,
        truncate: bool = False,
        fault: str = "",
        shape: tuple[int, ...] = (2,),
        lives: int = 0,
        render_mode: str | None = None,
    ) -> None:
        if fault == "birth":
            raise RuntimeError("it was not to be")
        self.render_mode = render_mode
        self.length, self.truncate, self.fault, self.shape, self.lives = length, truncate, fault, shape, lives
        kind = np.uint8 if len(shape) > 1 else np.float32
        high = 255 if len(shape) > 1 else np.inf
        self.observation_space = spaces.Box(0 if len(shape) > 1 else -np.inf, high, shape, kind)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.now, self.origin = 0, float(self.np_random.integers(100))
        return self._shown(), {}

    def step(self, action: Any) -> Any:
        self.now += 1
        ended = self.now >= self.length and self.fault != "endless"
        reward = float("nan") if self.fault == "reward" and self.now == 3 else 10.0 * self.now + float(action)
        info = {"life_lost": True} if self.lives and self.now % self.lives == 0 else {}
        return self._shown(), reward, ended and not self.truncate, ended and self.truncate, info

    def render(self) -> Any:
        return np.full((20, 30, 3), self.now, np.uint8)

    def _shown(self) -> Any:
        if len(self.shape) > 1:
            return np.full(self.shape, self.now, np.uint8)
        if self.fault == "shape" and self.now == 3:
            return np.zeros(3, np.float32)
        if self.fault == "crash" and self.now == 3:
            raise RuntimeError("the world ends")
        second = float("nan") if self.fault == "observation" and self.now == 3 else self.origin
        return np.array([self.now, second], np.float32)


class Corridor(gym.Env[Any, Any]):
    """States 0 to 4 in a row, action 1 goes right and 0 left; right of state 4 is the goal, with a reward of 1.

    Each step costs 0.1, and after ten the episode is truncated. So the values of an optimal policy, which know of no
    truncation, are those of ``values``.
    """

    def __init__(self, size: int = 5, limit: int = 10) -> None:
        self.size, self.limit = size, limit
        self.observation_space = spaces.Discrete(size)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.steps = int(self.np_random.integers(self.size)), 0
        return self.place, {}

    def step(self, action: Any) -> Any:
        self.place, reward, done = self.after(self.place, int(action))
        self.steps += 1
        return min(self.place, self.size - 1), reward, done, not done and self.steps >= self.limit, {}

    def after(self, place: int, action: int) -> tuple[int, float, bool]:
        place = max(place - 1, 0) if action == 0 else place + 1
        return place, -0.1 + (place == self.size), place == self.size

    def values(self, discount: float) -> np.ndarray[Any, Any]:
        """By iteration until nothing changes: (size, 2)."""
        q = np.zeros((self.size, 2))
        for _ in range(1000):
            for place in range(self.size):
                for action in range(2):
                    after, reward, done = self.after(place, action)
                    q[place, action] = reward + (0 if done else discount * q[after].max())
        return q


class Continuous(gym.Env[Any, Any]):
    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(-1, 1, (1,))


gym.register("netyard-tests/Counting-v0", Counting)
gym.register("netyard-tests/Corridor-v0", Corridor)
gym.register("netyard-tests/Continuous-v0", Continuous)
COUNTING, CORRIDOR, CONTINUOUS = (f"netyard-tests/{name}-v0" for name in ("Counting", "Corridor", "Continuous"))


class Shown(gym.Env[Any, Any]):
    """Shows samples of any space, and takes any actions; five steps, each with a reward of 1."""

    def __init__(self, space: Any = None, actions: Any = None) -> None:
        self.observation_space = spaces.Box(0, 1, (3,)) if space is None else space
        self.action_space = spaces.Discrete(2) if actions is None else actions
        self.taken: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.now = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.taken.append(action)
        self.now += 1
        return self.observation_space.sample(), 1.0, self.now >= 5, False, {}


class Masked(gym.Env[Any, Any]):
    """A line of six cells, to be walked to its right end; action 2 does nothing, and is invalid in even cells.

    ``way`` is where the mask is: in the info, a method, or the observation.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, way: str = "info", render_mode: str | None = None) -> None:
        self.way, self.render_mode = way, render_mode
        self.action_space = spaces.Discrete(3)
        box = spaces.Box(0, 1, (6,))
        self.observation_space = spaces.Dict(place=box, action_mask=spaces.MultiBinary(3)) if way == "key" else box
        if way == "method":
            self.action_masks = self.mask

    def mask(self) -> np.ndarray[Any, Any]:
        return np.array([1, 1, self.at % 2], np.int8)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at = int(self.np_random.integers(3))
        return self._shown()

    def step(self, action: Any) -> Any:
        if not self.mask()[action]:
            raise ValueError(f"action {action} is not valid in {self.at}")
        self.at = max(self.at + (-1, 1, 0)[action], 0)
        observation, info = self._shown()
        return observation, float(self.at == 5), self.at == 5, False, info

    def render(self) -> Any:
        return np.full((8, 8, 3), self.at, np.uint8)

    def _shown(self) -> Any:
        place = np.eye(6, dtype=np.float32)[min(self.at, 5)]
        mask = np.zeros(3, np.int8) if self.at == 5 else self.mask()  # the end has no valid action
        shown = {"place": place, "action_mask": mask} if self.way == "key" else place
        return shown, {"action_mask": mask} if self.way == "info" else {}


gym.register("netyard-tests/Shown-v0", Shown)
gym.register("netyard-tests/Masked-v0", Masked, max_episode_steps=30)
SHOWN, MASKED = (f"netyard-tests/{name}-v0" for name in ("Shown", "Masked"))
