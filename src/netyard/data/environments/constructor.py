"""The constructor of an environment: which arguments it has, and whether ``data.options`` fit them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from gymnasium.envs.registration import EnvSpec, load_env_creator

from netyard.errors import ConfigError

_OURS = ("render_mode",)  # set by netyard, not by data.options
_PLAIN = (bool, int, float, str)


def constructor_of(spec: EnvSpec) -> Any:
    """The class or function that makes an environment; its module is imported."""
    point: Any = spec.entry_point
    return load_env_creator(point) if isinstance(point, str) else point


def require_arguments(id: str, spec: EnvSpec, given: Mapping[str, Any]) -> None:
    """Raise ConfigError unless a constructor has the given arguments, and every argument without a default is given."""
    parameters = _parameters(spec)
    if parameters is None:
        return
    named = [name for name, each in parameters.items() if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    known = [name for name in named if name not in _OURS]
    has = f"its options are {', '.join(_shown(parameters[name]) for name in known)};" if known else "it has no options;"
    free = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for name in given:
        if name not in named and not free:
            close = get_close_matches(name, known, n=1, cutoff=0.5) or known[:1]
            raise ConfigError(
                f"environment {id} has no option '{name}';",
                has,
                f"try data.options.{close[0]}=VALUE." if close else "leave data.options out.",
            )
    filled = {**spec.kwargs, **given}
    missing = [name for name in known if parameters[name].default is inspect.Parameter.empty and name not in filled]
    if missing:
        raise ConfigError(
            f"environment {id} needs {' and '.join(f'the option {name!r}' for name in missing)};",
            has,
            f"type {' '.join(f'data.options.{name}=VALUE' for name in missing)}.",
        )


def renders(spec: EnvSpec | None) -> bool:
    """Whether a constructor takes ``render_mode``."""
    parameters = None if spec is None else _parameters(spec)
    return parameters is None or any(
        each.name in _OURS or each.kind is each.VAR_KEYWORD for each in parameters.values()
    )


def misfits(spec: EnvSpec | None, given: Mapping[str, Any]) -> str:
    """What is said after an exception of an environment that was given options of other types than the defaults."""
    parameters = (None if spec is None else _parameters(spec)) or {}
    for name, value in given.items():
        default = parameters[name].default if name in parameters else None
        if (
            type(default) in _PLAIN
            and type(value) is not type(default)
            and {type(value), type(default)} != {int, float}
        ):
            return f"data.options.{name} is {value!r}, and its default {default!r}: try data.options.{name}={default}."
    return ""


def _parameters(spec: EnvSpec) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(constructor_of(spec)).parameters
    except (TypeError, ValueError):  # of an extension in C
        return None


def _shown(parameter: inspect.Parameter) -> str:
    default = parameter.default
    return parameter.name if default is parameter.empty else f"{parameter.name}={default!r}"
