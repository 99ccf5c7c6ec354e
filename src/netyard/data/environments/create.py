"""Making environments of Gymnasium: by id, with what a deep network wants of them, or with a message that says why not.

After ``make`` an observation is one array, float32 or as compact as it came (uint8, bool), pictures (C, H, W).
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
_MOST_PLANES = 4  # an array (H, W, C) with at most so many planes is a picture

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # frames are drawn into memory, and a machine may have no screen


class Spaces(NamedTuple):
    """What an environment shows, and how many things can be done in it."""

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

    ``max_episode_steps`` takes the place of the limit it is registered with; to reach it truncates an episode. Without
    ``adapted`` it is as Gymnasium made it, for wrappers to come before ``adapt``.

    Raises:
        ConfigError: there is no such id, it refuses an option, or its actions are no choice of a few.
        PlatformError: the package it needs is not installed.
        DataError: it cannot be made for another reason.
    """
    arguments = dict(options or {})
    if render:
        arguments["render_mode"] = "rgb_array"
    register(id)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Box2D's bindings warn of themselves, Gymnasium of older versions
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
    """Wrap what an environment shows into one array, pictures with their channels first.

    Raises:
        ConfigError: its actions are no choice of a few.
    """
    if not isinstance(environment.action_space, spaces.Discrete):
        raise ConfigError(
            f"environment {id} has the actions {environment.action_space};",
            "Q-learning chooses among a few actions: a Discrete action space;",
            "try data=cartpole, or data=gym data.id=Acrobot-v1.",
        )
    if environment.action_space.start != 0:
        environment = gym.wrappers.TransformAction(
            environment,
            lambda action, start=environment.action_space.start: action + start,  # type: ignore[misc]
            spaces.Discrete(int(environment.action_space.n)),
        )
    if hasattr(environment.unwrapped, "game") and hasattr(environment.unwrapped.game, "last_action"):
        environment = ForgetLastAction(environment)
    if not isinstance(environment.observation_space, spaces.Box):
        environment = gym.wrappers.FlattenObservation(environment)  # one-hot of a number, one after another of several
    shape = environment.observation_space.shape or ()
    if shape == ():
        environment = gym.wrappers.ReshapeObservation(environment, (1,))
    if len(shape) == 2:
        environment = gym.wrappers.ReshapeObservation(environment, (1, *shape))
    if len(shape) == 3 and _channels_last(shape, environment.observation_space.dtype):
        environment = ChannelsFirst(environment)
    return environment


class ChannelsFirst(gym.ObservationWrapper[Any, Any, Any]):
    """Pictures (H, W, C) as (C, H, W)."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        space: Any = env.observation_space
        H, W, C = space.shape
        self.observation_space = spaces.Box(float(space.low.min()), float(space.high.max()), (C, H, W), space.dtype)

    def observation(self, observation: Any) -> Any:
        return np.moveaxis(observation, -1, 0)


class ForgetLastAction(gym.Wrapper[Any, Any, Any, Any]):
    """MinAtar repeats the last action now and then; a new episode shall not know that of the one before it."""

    def reset(self, **arguments: Any) -> Any:
        game: Any = self.env.unwrapped
        game.game.last_action = 0
        return self.env.reset(**arguments)


def spaces_of(environment: gym.Env[Any, Any]) -> Spaces:
    """Of an environment that ``make`` made."""
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
    logging.root.setLevel(logging.ERROR)  # MinAtar says at import that it could not draw
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
        "what not every run needs is an extra;",
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
