"""Several environments stepped side by side; each episode starts from a seed of its own.

An episode is a function of its seed and its actions: these are what is saved, and a restore replays them.
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
TRAINING, VALIDATION, TEST, RENDERING = range(4)
"""The purpose of an episode: each purpose has its own seeds, so that no test episode is seen in training."""


class StepResult(NamedTuple):
    """What one step of one environment returned."""

    frame: Array  # (*frame_shape)
    reward: float
    terminated: bool
    truncated: bool
    life_lost: bool  # ends the episode for the learner only


def episode_seed(seed: int, purpose: int, index: int, episode: int) -> int:
    """The seed of an episode: a function of the run's seed, the purpose, the environment and a counter."""
    return int(np.random.SeedSequence([seed, purpose, index, episode]).generate_state(1)[0])


class VectorEnvironment:
    """Environments and their latest observations, (count, *shape); the last ``frame_stack`` frames are its channels.

    Args:
        id: the environment's name in messages.
        environments: as ``environments.make`` makes them.
        frame_stack: frames in an observation; at the start of an episode the first frame is repeated.

    Raises:
        DataError: an observation does not have the shape of the observation space.
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

    def reset(self, index: int, seed: int) -> Array:
        """Start an episode; returns its first frame."""
        frame = self._call(self.environments[index].reset, seed=seed)[0]
        frame = self._checked(frame)
        self.seeds[index], self.actions[index] = seed, []
        if self.frame_stack == 1:
            self.observations[index] = frame
        else:
            self.observations[index] = np.concatenate([frame] * self.frame_stack)
        return frame

    def step(self, index: int, action: int) -> StepResult:
        """Take an action in one environment. The caller resets it when the episode has ended."""
        try:
            frame, reward, terminated, truncated, info = self.environments[index].step(action)
        except Exception as error:  # of the environment's own code
            raise _broken(self.id, error) from error
        self.actions[index].append(action)  # seed and actions are the whole state of a deterministic environment
        # The full check is a call that most steps can do without.
        if type(frame) is not np.ndarray or frame.shape != self.frame_shape:
            frame = self._checked(frame)
        if self.frame_stack == 1:
            self.observations[index] = frame
        else:
            own = self.observations[index]  # shifted in place: the oldest frame is dropped, the newest comes last
            own[: -self._channels] = own[self._channels :]
            own[-self._channels :] = frame
        return StepResult(frame, float(reward), bool(terminated), bool(truncated), bool(info) and "life_lost" in info)

    def render(self, index: int) -> Array:
        """uint8 (H, W, 3).

        Raises:
            PlatformError: rendering needs a package that is not installed.
            DataError: the environment cannot be rendered.
        """
        try:
            picture = np.asarray(self.environments[index].render())
        except gym.error.DependencyNotInstalled as error:
            raise PlatformError(
                f"rendering environment {self.id} needs a package that is not installed: {error};",
                "the classic environments are rendered by an extra of Gymnasium;",
                "type pip install 'gymnasium[classic-control]'.",
            ) from error
        except Exception as error:  # of the environment's own code
            raise _broken(self.id, error) from error
        if picture.ndim != 3 or picture.shape[2] != 3:
            raise DataError(
                f"environment {self.id} rendered an array of shape {picture.shape};",
                "a rendered frame has the shape (H, W, 3);",
                "choose another environment with data.id=...",
            )
        if picture.dtype != np.uint8:  # MinAtar renders floats from 0 to 1
            picture = (picture.clip(0, 1) * 255).astype(np.uint8)
        return picture

    def state_dict(self) -> dict[str, Any]:
        return {
            "seeds": list(self.seeds),
            "actions": [torch.tensor(each, dtype=torch.int32) for each in self.actions],
            "observations": torch.from_numpy(self.observations.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> list[int]:
        """Replay the saved episodes; returns the environments that did not reach their saved observation."""
        diverged = []
        for index in range(len(self)):
            saved = state["observations"][index].numpy()
            try:
                self.reset(index, state["seeds"][index])
                for action in state["actions"][index].tolist():
                    self.step(index, action)
                same = np.array_equal(self.observations[index], saved, equal_nan=saved.dtype.kind == "f")
            except DataError:
                same = False
            if not same:
                diverged.append(index)
        return diverged

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
                f"environment {self.id} returned an observation of shape {frame.shape};",
                f"its observation space has the shape {self.frame_shape};",
                "fix the environment, or choose another with data.id=...",
            )
        return frame


def _broken(id: str, error: Exception) -> DataError:
    return DataError(
        f"environment {id} raised {type(error).__name__}: {error};",
        "the error comes from its own code;",
        "fix the environment, or choose another with data.id=...",
    )
