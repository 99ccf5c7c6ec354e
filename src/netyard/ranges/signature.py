"""The constraints of a constructor's parameters, from their annotations; a constructor checks its arguments by them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_type_hints

from netyard.errors import ArgumentError
from netyard.ranges.constraint import Constraint, from_annotation, written


@cache
def constraints(target: Callable[..., Any]) -> dict[str, Constraint]:
    """Of each parameter of a class or function that a config can write; other parameters, as networks, are left out."""
    hints = _hints(target)
    found: dict[str, Constraint] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        default = None if parameter.default is parameter.empty else parameter.default
        if name in hints and (constraint := from_annotation(hints[name], default)):
            found[name] = constraint
    return found


def check(target: Callable[..., Any], arguments: Mapping[str, Any], group: str = "") -> None:
    """Refuse what is outside of the range that its parameter's annotation names.

    Args:
        target: the class or function whose parameters they are.
        arguments: by name; other names are ignored, so that ``locals()`` can be passed.
        group: the config group that the message says to type, as in ``model.dropout=0.1``; by default no group.

    Raises:
        ArgumentError: the first of them that is not admitted.
    """
    for name, constraint in constraints(target).items():
        if name in arguments and not constraint.admits(arguments[name]):
            raise refused(name, arguments[name], constraint, f"{group}.{name}" if group else name)


def refused(name: str, value: Any, constraint: Constraint, key: str) -> ArgumentError:
    """The error for a value that a constraint does not admit; ``key`` is the config key to type."""
    allowed = constraint
    if (wrong := constraint.wrong_item(value)) is not None and constraint.items is not None:
        value, allowed = wrong[0], constraint.items
    shown = written(value) if value is None or isinstance(value, bool | tuple) else repr(value)
    reason = f"{value} {allowed.reasons[value]}; " if allowed.reasons and value in allowed.reasons else ""
    given, admitted = f"{name} is {shown};", f"it must be {allowed};"
    return ArgumentError(given, admitted, f"{reason}try {key}={constraint.example(value)}.")


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Evaluated annotations; names that are imported for type checkers only become ``Any``."""
    # The fields of a dataclass are of its bases too, each in the names of its own module.
    source = target if not inspect.isclass(target) or is_dataclass(target) else target.__init__
    unknown: dict[str, Any] = {}
    while True:
        try:
            return get_type_hints(source, localns=dict(unknown), include_extras=True)
        except NameError as error:
            if not error.name or error.name in unknown:
                raise
            unknown[error.name] = Any
