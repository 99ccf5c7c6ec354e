"""What environments of earlier APIs take and return, in the form of the present one."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from netyard.errors import DataError

log = logging.getLogger(__name__)

_EMULATORS = ("ale_py", "minatar")  # whose games end, and have limits of their own
_LIBRARIES = ("gymnasium", *_EMULATORS)
"""Packages whose environments have the present API; theirs are not wrapped, for speed."""


class Lenient(gym.Wrapper[Any, Any, Any, Any]):
    """Takes a ``reset`` without ``seed``, ``options`` or info, a ``step`` of four values, and an info of None.

    ``remarks`` says what of these was met.
    """

    def __init__(self, env: gym.Env[Any, Any], id: str) -> None:
        super().__init__(env)
        self.id = id
        self.remarks: list[str] = []
        parameters = inspect.signature(env.reset).parameters
        free = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        self._takes = {name for name in ("seed", "options") if free or name in parameters}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        given = {"seed": seed, "options": options}
        if seed is not None and "seed" not in self._takes:
            method = getattr(self.env, "seed", None)  # of gym before 0.26
            if callable(method):
                method(seed)
            else:
                self._remark(
                    "its reset takes no seed: episodes are not the same again, and a resumed run starts new ones"
                )
        returned = self.env.reset(**{name: given[name] for name in self._takes})
        pair = isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Mapping | None)
        # An observation may be a pair, too.
        if pair and not (isinstance(self.env.observation_space, gym.spaces.Tuple) and self._shows(returned)):
            return returned[0], returned[1] or {}
        self._remark("its reset returns no info")
        return returned, {}

    def step(self, action: Any) -> Any:
        returned = self.env.step(action)
        if isinstance(returned, tuple | list) and len(returned) == 5:
            observation, reward, terminated, truncated, info = returned
            return observation, reward, terminated, truncated, self._info(info)
        if not isinstance(returned, tuple | list) or len(returned) != 4:
            number = f"{len(returned)} values" if isinstance(returned, tuple | list) else type(returned).__name__
            raise DataError(
                f"environment {self.id} returned {number} from step;",
                "a step returns observation, reward, terminated, truncated and info;",
                "fix the environment, or choose another with data.id=...",
            )
        self._remark(
            "its step returns four values, as before Gymnasium 0.26: done is terminated, unless info says"
            " TimeLimit.truncated"
        )
        observation, reward, done, info = returned
        info = self._info(info)
        truncated = bool(done) and bool(info.get("TimeLimit.truncated"))
        return observation, reward, bool(done) and not truncated, truncated, info

    def _info(self, info: Any) -> Any:
        if isinstance(info, Mapping):
            return info
        if info is not None:
            self._remark(f"its info is of type {type(info).__name__}, no dictionary, and is ignored")
        return {}

    def _shows(self, returned: Any) -> bool:
        try:
            return bool(self.env.observation_space.contains(returned))
        except Exception:  # of the environment's own space
            return False

    def _remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


def lenient(environment: gym.Env[Any, Any], id: str) -> gym.Env[Any, Any]:
    """An environment that accepts earlier APIs, below the wrappers that it has."""
    if is_of_library(environment):
        return environment
    if not isinstance(environment, gym.Wrapper):
        return Lenient(environment, id)
    inner: Any = environment
    while isinstance(inner.env, gym.Wrapper):
        inner = inner.env
    inner.env = Lenient(inner.env, id)
    return environment


def is_of_library(environment: gym.Env[Any, Any]) -> bool:
    """Whether an environment is of Gymnasium itself, or of another library that is known to follow its API."""
    return _package(environment) in _LIBRARIES


def is_of_emulator(environment: gym.Env[Any, Any]) -> bool:
    """Whether an environment is a game of an emulator."""
    return _package(environment) in _EMULATORS


def _package(environment: gym.Env[Any, Any]) -> str:
    return type(environment.unwrapped).__module__.partition(".")[0]


def remarks_of(environment: gym.Env[Any, Any]) -> list[str]:
    """What ``Lenient`` has met in an environment."""
    inner: Any = environment
    while isinstance(inner, gym.Wrapper):
        if isinstance(inner, Lenient):
            return inner.remarks
        inner = inner.env
    return []
