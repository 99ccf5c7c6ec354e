"""Read the constraints of parameters from their annotations, and check the arguments of a constructor by them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_type_hints

from netyard.errors import ArgumentError
from netyard.ranges.constraint import Constraint, from_annotation, node_of, written


@cache
def constraints(target: Callable[..., Any]) -> dict[str, Constraint]:
    """Return the constraint of each parameter that a config can set; others, such as networks, have none."""
    # Cached: evaluating annotations takes longer than building a small layer, of which a network has hundreds.
    hints = _hints(target)
    found: dict[str, Constraint] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        default = None if parameter.default is parameter.empty else parameter.default
        if name in hints and (constraint := from_annotation(hints[name], default)):
            found[name] = constraint
    return found


def nodes(target: Callable[..., Any]) -> dict[str, Constraint]:
    """Return the constraint of each parameter that a config can only set by a node, such as a network."""
    hints, known = _hints(target), constraints(target)
    named = {
        name: parameter
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }
    # Without an annotation any value is allowed.
    return {name: node_of(hints[name]) for name in named if name in hints and name not in known}


def check(target: Callable[..., Any], arguments: Mapping[str, Any], group: str = "") -> None:
    """Refuse an argument that the annotation of its parameter does not admit.

    Args:
        target: the class or function with the annotated parameters.
        arguments: values by parameter name; other names are ignored, so that ``locals()`` can be passed.
        group: the config group that the message says to type, as in ``model.dropout=0.1``; by default no group.

    Raises:
        ArgumentError: for the first argument that is not admitted.
    """
    for name, constraint in constraints(target).items():
        if name in arguments and not constraint.admits(arguments[name]):
            raise refused(name, arguments[name], constraint, f"{group}.{name}" if group else name)


def refused(name: str, value: Any, constraint: Constraint, key: str) -> ArgumentError:
    """Return the error for a value that a constraint does not admit; ``key`` is the config key to type."""
    # Of a list of the right length, only the wrong item is shown.
    allowed = constraint
    if (wrong := constraint.wrong_item(value)) is not None and constraint.items is not None:
        value, allowed = wrong[0], constraint.items
    shown = written(value) if value is None or isinstance(value, bool | tuple | Mapping) else repr(value)
    reasons = allowed.reasons or {}
    # Only texts are looked up: a list cannot be hashed.
    reason = f"{value} {reasons[value]}; " if isinstance(value, str) and value in reasons else ""
    size = " of 64 bits" * (isinstance(value, int) and not -(2**63) <= value < 2**63)
    given, admitted = f"{name} is {shown};", f"it must be {allowed}{size};"
    return ArgumentError(given, admitted, f"{reason}try {key}={constraint.example(value)}.")


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Return evaluated annotations; names that are only imported for type checkers become ``Any``."""
    # The annotations of a dataclass include those of its base classes, each evaluated in the names of its own module.
    source = target if not inspect.isclass(target) or is_dataclass(target) else target.__init__
    unknown: dict[str, Any] = {}
    # NameError names one unknown name at a time: try again with that name as Any until none is left.
    while True:
        try:
            return get_type_hints(source, localns=dict(unknown), include_extras=True)
        except NameError as error:
            if not error.name or error.name in unknown:
                raise
            unknown[error.name] = Any
