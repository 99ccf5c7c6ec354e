"""Several environments side by side, each beginning every episode from a seed of its own.

An episode is a function of its seed and its actions. So a stage is saved as those, and restored by playing them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch

from netyard.data.environments.create import spaces_of
from netyard.errors import DataError, PlatformError

log = logging.getLogger(__name__)

Array = Any  # np.ndarray; its element type is the environment's
TRAINING, VALIDATION, TEST, SHOWING = range(4)
"""Whose episodes: each has seeds of its own."""


class Moment(NamedTuple):
    """What a step brought."""

    frame: Array
    reward: float
    terminated: bool
    truncated: bool
    life_lost: bool


def episode_seed(seed: int, purpose: int, place: int, episode: int) -> int:
    """The seed of the episode-th episode of a place, for a purpose, of a run."""
    return int(np.random.SeedSequence([seed, purpose, place, episode]).generate_state(1)[0])


class Stage:
    """Environments and their latest observations, (count, *shape): of pictures the last ``frame_stack`` as channels.

    Args:
        id: what a message calls the environment.
        environments: as ``environments.make`` makes them.
        frame_stack: pictures that make an observation; an episode begins with its first one repeated.

    Raises:
        DataError: an environment shows what is not in its space.
    """

    def __init__(self, id: str, environments: Sequence[gym.Env[Any, Any]], frame_stack: int = 1) -> None:
        self.id, self.environments, self.frame_stack = id, environments, frame_stack
        self.frame_shape, self.dtype, self.num_actions = spaces_of(environments[0])
        first, *rest = self.frame_shape
        self.observations = np.zeros((len(environments), first * frame_stack, *rest), self.dtype)
        self.seeds = [0] * len(environments)
        self.actions: list[list[int]] = [[] for _ in environments]
        self._channels = first

    def __len__(self) -> int:
        return len(self.environments)

    def reset(self, place: int, seed: int) -> Array:
        """Begin an episode; its first frame."""
        frame = self._call(self.environments[place].reset, seed=seed)[0]
        frame = self._checked(frame)
        self.seeds[place], self.actions[place] = seed, []
        if self.frame_stack == 1:
            self.observations[place] = frame
        else:
            self.observations[place] = np.concatenate([frame] * self.frame_stack)
        return frame

    def step(self, place: int, action: int) -> Moment:
        """Do something in one environment; an episode that ends is for the caller to begin anew."""
        try:
            frame, reward, terminated, truncated, info = self.environments[place].step(action)
        except Exception as error:  # of the environment's own code
            raise _broken(self.id, error) from error
        self.actions[place].append(action)
        if type(frame) is not np.ndarray or frame.shape != self.frame_shape:
            frame = self._checked(frame)
        if self.frame_stack == 1:
            self.observations[place] = frame
        else:
            own = self.observations[place]
            own[: -self._channels] = own[self._channels :]
            own[-self._channels :] = frame
        return Moment(frame, float(reward), bool(terminated), bool(truncated), bool(info) and "life_lost" in info)

    def render(self, place: int) -> Array:
        """uint8 (H, W, 3).

        Raises:
            PlatformError: drawing needs a package that is not installed.
            DataError: it cannot be drawn.
        """
        try:
            picture = np.asarray(self.environments[place].render())
        except gym.error.DependencyNotInstalled as error:
            raise PlatformError(
                f"drawing environment {self.id} needs a package that is not installed: {error};",
                "what draws the classic environments is an extra of Gymnasium;",
                "type pip install 'gymnasium[classic-control]'.",
            ) from error
        except Exception as error:  # of the environment's own code
            raise _broken(self.id, error) from error
        if picture.ndim != 3 or picture.shape[2] != 3:
            raise DataError(
                f"environment {self.id} drew an array of shape {picture.shape};",
                "a picture is (H, W, 3);",
                "choose another environment with data.id=...",
            )
        if picture.dtype != np.uint8:  # from 0 to 1, as MinAtar draws
            picture = (picture.clip(0, 1) * 255).astype(np.uint8)
        return picture

    def state_dict(self) -> dict[str, Any]:
        return {
            "seeds": list(self.seeds),
            "actions": [torch.tensor(each, dtype=torch.int32) for each in self.actions],
            "observations": torch.from_numpy(self.observations.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> list[int]:
        """Play the saved episodes up to where they were; the places where that led elsewhere, which begin anew."""
        lost = []
        for place in range(len(self)):
            saved = state["observations"][place].numpy()
            try:
                self.reset(place, state["seeds"][place])
                for action in state["actions"][place].tolist():
                    self.step(place, action)
                same = np.array_equal(self.observations[place], saved, equal_nan=saved.dtype.kind == "f")
            except DataError:
                same = False
            if not same:
                lost.append(place)
        return lost

    def close(self) -> None:
        for each in self.environments:
            each.close()

    def _call(self, function: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return function(**arguments)
        except Exception as error:  # of the environment's own code
            raise _broken(self.id, error) from error

    def _checked(self, frame: Any) -> Array:
        frame = np.asarray(frame)
        if frame.shape != self.frame_shape:
            raise DataError(
                f"environment {self.id} showed an array of shape {frame.shape};",
                f"its observation space says {self.frame_shape};",
                "mend the environment, or choose another with data.id=...",
            )
        return frame


def _broken(id: str, error: Exception) -> DataError:
    return DataError(
        f"environment {id} raised {type(error).__name__}: {error};",
        "its own code did;",
        "mend the environment, or choose another with data.id=...",
    )
