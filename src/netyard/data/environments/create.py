"""Creating Gymnasium environments by id, with observations that a network can take.

After ``make`` and ``arrange`` an action is a number from 0, and an observation one array: see ``layout``.
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
from gymnasium.envs.registration import EnvSpec

from netyard.data.environments.actions import numbered
from netyard.data.environments.constructor import constructor_of, misfits, renders, require_arguments
from netyard.data.environments.layout import Arranged, Layout
from netyard.data.environments.lenient import is_of_library, lenient
from netyard.data.environments.returned import raised
from netyard.errors import ConfigError, DataError, ForeignCodeError, NetyardError, PlatformError, first_line

# The namespace of an id, the module that registers it, and the extra that installs it.
PROVIDERS = {"ALE": ("ale_py", "atari"), "MinAtar": ("minatar.gym", "minatar")}
_LISTED = 8  # ids of a package in a message

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
    """One environment with actions numbered from 0; ``options`` are the keyword arguments of its constructor.

    ``max_episode_steps`` replaces the registered limit; an episode that reaches it is truncated. Without ``adapted``
    the environment is as Gymnasium made it, so that wrappers can be applied before ``adapt``.

    Raises:
        ConfigError: the id is unknown, an option is refused, or the actions cannot be numbered.
        PlatformError: the package it needs is not installed.
        ForeignCodeError: its own code fails.
    """
    arguments = dict(options or {})
    register(id)
    spec: EnvSpec | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Box2D's bindings warn at import, Gymnasium about older versions
            spec = _spec(id)
            require_arguments(id, spec, arguments)
            if render:
                _require_renders(id, spec)
                arguments["render_mode"] = "rgb_array"
            environment = gym.make(id, max_episode_steps=max_episode_steps, disable_env_checker=True, **arguments)
        return adapt(environment, id) if adapted else environment
    except NetyardError:
        raise
    except gym.error.DependencyNotInstalled as error:
        raise _missing(id, str(error)) from error
    except gym.error.UnregisteredEnv as error:
        raise _unknown(id) from error
    except gym.error.Error as error:
        raise ConfigError(
            f"environment {id} cannot be made: {first_line(error)};", "an id is NAME-vN;", f"try {_try(id)}."
        ) from error
    except ImportError as error:
        raise _not_imported(id, error) from error
    except Exception as error:  # of the environment's own code
        raise raised(id, error, "its constructor" if spec else "its module", misfits(spec, arguments)) from error


def adapt(environment: gym.Env[Any, Any], id: str) -> gym.Env[Any, Any]:
    """An environment that takes numbers of actions, and returns what the present API of Gymnasium asks for.

    Raises:
        ConfigError: its actions are continuous, or too many.
        DataError: it has no spaces.
    """
    for name in ("action_space", "observation_space"):
        if getattr(environment.unwrapped, name, None) is None:
            raise DataError(
                f"environment {id} has no {name};",
                f"its constructor sets self.{name} to a space of gymnasium.spaces;",
                "fix the environment, or choose another with data.id=...",
            )
    environment = numbered(lenient(environment, id), id)
    if hasattr(environment.unwrapped, "game") and hasattr(environment.unwrapped.game, "last_action"):
        environment = ForgetLastAction(environment)
    return environment


def arrange(environment: gym.Env[Any, Any], layout: Layout) -> gym.Env[Any, Any]:
    """An environment from ``make`` whose observations have a layout."""
    # A wrapper takes time at every step, which the environments of Gymnasium itself can do without.
    if is_of_library(environment) and layout.unchanged:
        return environment
    return Arranged(environment, layout)


class ForgetLastAction(gym.Wrapper[Any, Any, Any, Any]):
    """Resets MinAtar's last action: its sticky actions would repeat one of the episode before, against the seed."""

    def reset(self, **arguments: Any) -> Any:
        game: Any = self.env.unwrapped
        game.game.last_action = 0
        return self.env.reset(**arguments)


def spaces_of(environment: gym.Env[Any, Any]) -> Spaces:
    """The spaces of an environment from ``arrange``."""
    observation: Any = environment.observation_space
    actions: Any = environment.action_space
    compact = observation.dtype in (np.uint8, np.bool_)
    return Spaces(observation.shape, observation.dtype if compact else np.dtype(np.float32), int(actions.n))


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


def _spec(id: str) -> EnvSpec:
    """What an id is registered with; the module of MODULE:ID is imported, and that of the constructor."""
    module, _, name = id.rpartition(":")
    if module:
        importlib.import_module(module)
    try:
        spec = gym.spec(name)
    except gym.error.UnregisteredEnv:
        # An id without a version is the newest one: only gymnasium.make knows which.
        newest = [each for key, each in gym.registry.items() if key.rpartition("-v")[0] == name]
        if not newest:
            raise
        spec = max(newest, key=lambda each: each.version or 0)
    constructor_of(spec)
    return spec


def _require_renders(id: str, spec: EnvSpec) -> None:
    if not renders(spec):
        raise DataError(
            f"environment {id} cannot be drawn: its constructor takes no render_mode;",
            "a film needs render_mode='rgb_array' and a method render() that returns a frame (H, W, 3);",
            "netyard evaluate RUN_DIR measures its returns without one.",
        )


def _not_imported(id: str, error: ImportError) -> NetyardError:
    """The error for a module that is not there, or that raises when it is imported."""
    module = id.partition(":")[0]
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return ConfigError(
            f"environment {id} is of package {module}, which is neither installed nor in the working folder;",
            "data.id is MODULE:ID, and MODULE is imported before the environment is made;",
            "change to the folder that contains it, or install it.",
        )
    # An optional dependency of Gymnasium's own environments is reported by another error.
    return ForeignCodeError(
        f"environment {id} raised {type(error).__name__}: {first_line(error)} in its module;",
        "the error comes from its own code, see the lines above;",
        f"install what it needs{f', pip install {error.name}' * bool(error.name)}, or fix the environment.",
    )


def _unknown(id: str) -> ConfigError:
    module, colon, name = id.rpartition(":")
    ids = _ids(module)
    close = get_close_matches(name, ids, n=3, cutoff=0.5)
    known = "ids are those of gymnasium.pprint_registry(), and PACKAGE:ID for those of a package of your own;"
    if colon:
        more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
        known = f"{module} registers {', '.join(ids[:_LISTED])}{more};" if ids else f"{module} registers none;"
    return ConfigError(
        f"there is no environment {id};",
        f"did you mean {' or '.join(f'{module}{colon}{each}' for each in close)}?" if close else known,
        f"try {_try(id)}." if close or not colon or ids else f"add gymnasium.register(id=...) to {module}.",
    )


def _try(id: str) -> str:
    module, colon, name = id.rpartition(":")
    ids = _ids(module)
    close = get_close_matches(name, ids, n=1, cutoff=0.5) or (ids[:1] if colon else [])
    return f"data.id={module}{colon}{close[0]}" if close else "data.id=CartPole-v1"


def _ids(module: str) -> list[str]:
    """The ids that a module registers, or all that are registered if no module is given."""
    if not module:
        return list(gym.registry)
    points = ((id, spec.entry_point) for id, spec in gym.registry.items())
    places = (
        (id, point.partition(":")[0] if isinstance(point, str) else point.__module__) for id, point in points if point
    )
    return [id for id, place in places if f"{place}.".startswith(f"{module.partition('.')[0]}.")]
