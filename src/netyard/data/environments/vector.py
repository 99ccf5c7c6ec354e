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

from netyard.data.environments.actions import as_mask, none_valid, sizes_of
from netyard.data.environments.constructor import misfits
from netyard.data.environments.create import spaces_of
from netyard.data.environments.layout import MASK_KEY, Arranged
from netyard.data.environments.returned import as_flag, as_number, lost_life, raised
from netyard.errors import DataError, ForeignCodeError, NetyardError, PlatformError, first_line

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
        environments: as ``create.arrange`` makes them.
        frame_stack: frames in an observation; at the start of an episode the first frame is repeated.

    Raises:
        DataError: an observation does not have the shape of the observation space.
    """

    def __init__(self, id: str, environments: Sequence[gym.Env[Any, Any]], frame_stack: int = 1) -> None:
        self.id, self.environments, self.frame_stack = id, environments, frame_stack
        self.frame_shape, self.dtype, self.num_actions = spaces_of(environments[0])
        first, *rest = self.frame_shape
        self.observations = np.zeros((len(environments), first * frame_stack, *rest), self.dtype)
        self.masks: Array | None = None
        """Which actions are valid now, bool (count, num_actions); None as long as no environment has said."""
        self.seeds = [0] * len(environments)
        self.actions: list[list[int]] = [[] for _ in environments]
        self._channels = first
        self._sizes = sizes_of(environments[0].unwrapped.action_space)
        self._mask_methods = [_method(each) for each in environments]

    def __len__(self) -> int:
        return len(self.environments)

    def reset(self, index: int, seed: int) -> Array:
        """Start an episode; returns its first frame."""
        try:
            frame, info = self.environments[index].reset(seed=seed)
        except NetyardError:
            raise
        except Exception as error:  # of the environment's own code
            raise self._raised(index, error, "reset") from error
        frame = self._checked(frame)
        self.seeds[index], self.actions[index] = seed, []
        if self.frame_stack == 1:
            self.observations[index] = frame
        else:
            self.observations[index] = np.concatenate([frame] * self.frame_stack)
        self._set_mask(index, info, ended=False)
        return frame

    def step(self, index: int, action: int) -> StepResult:
        """Take an action in one environment. The caller resets it when the episode has ended."""
        try:
            frame, reward, terminated, truncated, info = self.environments[index].step(action)
        except NetyardError:
            raise
        except Exception as error:  # of the environment's own code
            raise self._raised(index, error, "step") from error
        self.actions[index].append(action)  # seed and actions are the whole state of a deterministic environment
        # The full checks are calls that most steps can do without.
        if type(frame) is not np.ndarray or frame.shape != self.frame_shape:
            frame = self._checked(frame)
        if type(reward) is not float:
            reward = as_number(self.id, "reward", reward)
        if type(terminated) is not bool or type(truncated) is not bool:
            terminated = as_flag(self.id, "value of terminated", terminated)
            truncated = as_flag(self.id, "value of truncated", truncated)
        if self.frame_stack == 1:
            self.observations[index] = frame
        else:
            own = self.observations[index]  # shifted in place: the oldest frame is dropped, the newest comes last
            own[: -self._channels] = own[self._channels :]
            own[-self._channels :] = frame
        if info or self.masks is not None:
            self._set_mask(index, info, terminated or truncated)
        return StepResult(frame, reward, terminated, truncated, bool(info) and "life_lost" in info and lost_life(info))

    def _set_mask(self, index: int, info: Any, ended: bool) -> None:
        """Keep the mask of the next action, from the info, the observation or the method ``action_masks``."""
        given = info.get(MASK_KEY) if info else None
        method = self._mask_methods[index]
        if given is None and method is not None:
            try:
                given = method()
            except Exception as error:  # of the environment's own code
                raise self._raised(index, error, "action_masks") from error
        if given is None and self.masks is None:
            return
        if self.masks is None:
            self.masks = np.ones((len(self), self.num_actions), np.bool_)
        mask = as_mask(self.id, given, self.num_actions, self._sizes)
        if not mask.any():
            if not ended:
                raise none_valid(self.id)
            mask[:] = True  # nothing is chosen after the end, and a mask of a truncated episode says nothing
        self.masks[index] = mask

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
            reason = "it has no method render()" if isinstance(error, NotImplementedError) else None
            raise self._not_drawn(reason or f"render() raised {type(error).__name__}: {first_line(error)}") from error
        if picture.dtype.kind not in "biuf" or picture.ndim not in (2, 3) or 0 in picture.shape:
            raise self._not_drawn(f"render() returned {_form(picture)}")
        if picture.ndim == 2:  # grey
            picture = np.repeat(picture[..., None], 3, axis=2)
        if picture.shape[2] == 4:  # with transparency
            picture = picture[..., :3]
        if picture.shape[2] != 3:
            raise self._not_drawn(f"render() returned {_form(picture)}")
        if picture.dtype.kind == "f":  # MinAtar renders floats from 0 to 1
            picture = np.nan_to_num(picture).clip(0, 1) * 255
        return picture.clip(0, 255).astype(np.uint8) if picture.dtype != np.uint8 else picture.copy()

    def _raised(self, index: int, error: Exception, doing: str) -> ForeignCodeError:
        spec = self.environments[index].spec
        return raised(self.id, error, doing, "" if spec is None else misfits(spec, spec.kwargs))

    def _not_drawn(self, reason: str) -> DataError:
        return DataError(
            f"environment {self.id} cannot be drawn: {reason};",
            "a film needs render_mode='rgb_array' and a method render() that returns a frame (H, W, 3);",
            "netyard evaluate RUN_DIR measures its returns without one.",
        )

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
            except NetyardError:
                same = False
            if not same:
                diverged.append(index)
        return diverged

    def close(self) -> None:
        for each in self.environments:
            each.close()

    def _checked(self, frame: Any) -> Array:
        frame = np.asarray(frame)
        if frame.shape != self.frame_shape:
            raise DataError(
                f"environment {self.id} returned an observation of shape {frame.shape};",
                f"its observation space has the shape {self.frame_shape};",
                "fix the environment, or choose another with data.id=...",
            )
        return frame


def _method(environment: gym.Env[Any, Any]) -> Callable[[], Any] | None:
    """The method ``action_masks`` of an environment, a convention of sb3-contrib, or the mask in its observation."""
    layout = environment.layout if isinstance(environment, Arranged) else None
    if layout is not None and layout.masked:
        return lambda: layout.last_mask
    inner: Any = environment
    while True:
        method = getattr(inner, "action_masks", None)
        if callable(method):
            return method
        if not isinstance(inner, gym.Wrapper):
            return None
        inner = inner.env


def _form(picture: Array) -> str:
    if picture.dtype.kind not in "biuf":
        return "nothing" if picture.dtype == object and picture.ndim == 0 else "no array of numbers"
    return f"an array of shape {picture.shape}"
