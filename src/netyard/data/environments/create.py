"""Creating Gymnasium environments by id, with observations that a network can take.

After ``make`` an observation is one array: float32, or uint8 or bool if the environment has these; images (C, H, W).
"""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from netyard.errors import ConfigError, DataError, NetyardError, PlatformError

# The namespace of an id, the module that registers it, and the extra that installs it.
PROVIDERS = {"ALE": ("ale_py", "atari"), "MinAtar": ("minatar.gym", "minatar")}
SMALLEST_PICTURE = 8
_MOST_PLANES = 4  # an array (H, W, C) with at most so many channels is an image

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # frames are rendered into memory; a server may have no display


class Spaces(NamedTuple):
    """Shape and dtype of an observation, and the number of actions."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    num_actions: int


def make(
    id: str,
    options: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    render: bool = False,
    adapted: bool = True,
) -> gym.Env[Any, Any]:
    """One environment; ``options`` are the keyword arguments of its constructor.

    ``max_episode_steps`` replaces the registered limit; an episode that reaches it is truncated. Without ``adapted``
    the environment is as Gymnasium made it, so that wrappers can be applied before ``adapt``.

    Raises:
        ConfigError: the id is unknown, an option is refused, or the action space is not discrete.
        PlatformError: the package it needs is not installed.
        DataError: its constructor fails for another reason.
    """
    arguments = dict(options or {})
    if render:
        arguments["render_mode"] = "rgb_array"
    register(id)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Box2D's bindings warn at import, Gymnasium about older versions
            environment = gym.make(id, max_episode_steps=max_episode_steps, disable_env_checker=True, **arguments)
        return adapt(environment, id) if adapted else environment
    except NetyardError:
        raise
    except gym.error.DependencyNotInstalled as error:
        raise _missing(id, str(error)) from error
    except (gym.error.UnregisteredEnv, gym.error.NamespaceNotFound, gym.error.NameNotFound) as error:
        raise _unknown(id) from error
    except gym.error.Error as error:
        raise ConfigError(
            f"environment {id} cannot be made: {error};", "an id is NAME-vN;", f"try {_try(id)}."
        ) from error
    except TypeError as error:
        raise ConfigError(
            f"environment {id} cannot be made: {error};",
            "data.options are the keyword arguments of its constructor;",
            "try it without data.options.",
        ) from error
    except Exception as error:  # of the environment's own code
        raise DataError(
            f"environment {id} cannot be made: {type(error).__name__}: {error};",
            "its own code raised this;",
            "try to make it with gymnasium.make alone.",
        ) from error


def adapt(environment: gym.Env[Any, Any], id: str) -> gym.Env[Any, Any]:
    """Wrap an environment so that an observation is one array, and images have their channels first.

    Raises:
        ConfigError: the action space is not discrete.
    """
    if not isinstance(environment.action_space, spaces.Discrete):
        raise ConfigError(
            f"environment {id} has the actions {environment.action_space};",
            "Q-learning needs a Discrete action space;",
            "try data=cartpole, or data=gym data.id=Acrobot-v1.",
        )
    # A network's outputs are numbered from 0.
    if environment.action_space.start != 0:
        environment = gym.wrappers.TransformAction(
            environment,
            lambda action, start=environment.action_space.start: action + start,  # type: ignore[misc]
            spaces.Discrete(int(environment.action_space.n)),
        )
    if hasattr(environment.unwrapped, "game") and hasattr(environment.unwrapped.game, "last_action"):
        environment = ForgetLastAction(environment)
    if not isinstance(environment.observation_space, spaces.Box):
        environment = gym.wrappers.FlattenObservation(
            environment
        )  # a number becomes one-hot, a tuple or dict is concatenated
    shape = environment.observation_space.shape or ()
    if shape == ():
        environment = gym.wrappers.ReshapeObservation(environment, (1,))
    if len(shape) == 2:
        environment = gym.wrappers.ReshapeObservation(environment, (1, *shape))
    if len(shape) == 3 and _channels_last(shape, environment.observation_space.dtype):
        environment = ChannelsFirst(environment)
    return environment


class ChannelsFirst(gym.ObservationWrapper[Any, Any, Any]):
    """Images (H, W, C) as (C, H, W)."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        space: Any = env.observation_space
        H, W, C = space.shape
        self.observation_space = spaces.Box(float(space.low.min()), float(space.high.max()), (C, H, W), space.dtype)

    def observation(self, observation: Any) -> Any:
        return np.moveaxis(observation, -1, 0)


class ForgetLastAction(gym.Wrapper[Any, Any, Any, Any]):
    """Resets MinAtar's last action: its sticky actions would repeat one of the episode before, against the seed."""

    def reset(self, **arguments: Any) -> Any:
        game: Any = self.env.unwrapped
        game.game.last_action = 0
        return self.env.reset(**arguments)


def spaces_of(environment: gym.Env[Any, Any]) -> Spaces:
    """The spaces of an environment from ``make``."""
    observation: Any = environment.observation_space
    actions: Any = environment.action_space
    compact = observation.dtype in (np.uint8, np.bool_)
    return Spaces(observation.shape, observation.dtype if compact else np.dtype(np.float32), int(actions.n))


def _channels_last(shape: tuple[int, ...], dtype: Any) -> bool:
    first, second, last = shape
    return min(first, second) >= SMALLEST_PICTURE and (last <= _MOST_PLANES or dtype == np.bool_)


def register(id: str) -> None:
    """Import the package that an id's namespace belongs to."""
    module, _ = PROVIDERS.get(id.partition("/")[0], ("", ""))
    if not module:
        return
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # MinAtar logs a warning about its display at import
    try:
        package = importlib.import_module(module)
    except ImportError as error:
        raise _missing(id, str(error)) from error
    finally:
        logging.root.setLevel(level)
    if module == "minatar.gym" and id not in gym.registry:
        package.register_envs()


def _missing(id: str, reason: str) -> PlatformError:
    extra = PROVIDERS.get(id.partition("/")[0], ("", "box2d" if "ox2" in reason else "classic"))[1]
    command = f"pip install 'netyard[{extra}]'" if extra != "classic" else "pip install 'gymnasium[all]'"
    said = reason.splitlines()[0].split("`")[0].rstrip("., ")
    return PlatformError(
        f"environment {id} needs a package that is not installed: {said};",
        "it is an optional extra;",
        f"type {command}.",
    )


def _unknown(id: str) -> ConfigError:
    close = get_close_matches(id, list(gym.registry), n=3, cutoff=0.5)
    return ConfigError(
        f"there is no environment {id};",
        f"did you mean {' or '.join(close)}?" if close else "ids are those of gymnasium.pprint_registry();",
        f"try {_try(id)}.",
    )


def _try(id: str) -> str:
    close = get_close_matches(id, list(gym.registry), n=1, cutoff=0.5)
    return f"data.id={close[0] if close else 'CartPole-v1'}"
