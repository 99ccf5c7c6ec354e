"""Numbers that mean the same: of a rate 1 is 1.0, while 1 of ``limit_train_batches`` is one batch and 1.0 is all.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netyard.config import constraints
from netyard.ranges.constraint import Constraint


def with_floats(config: Mapping[str, Any]) -> dict[str, Any]:
    """A plain config whose whole numbers are floats where the constructor takes any float, as ``lr: 1``.

    A number keeps its type where the type matters (a count or a share), and where the parameter is not known.
    """
    known = constraints.of(str(config["_target_"])) if isinstance(config.get("_target_"), str) else {}
    found: dict[str, Any] = {}
    for name, value in config.items():
        constraint = known.get(str(name))
        found[name] = with_floats(value) if isinstance(value, Mapping) else _converted(value, constraint)
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values of plain configs are equal, and numbers in them of one type."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    kinds = [isinstance(one, kind) == isinstance(other, kind) for kind in (bool, int, float)]
    return bool(one == other) and all(kinds)


def _converted(value: Any, constraint: Constraint | None) -> Any:
    if constraint is None:
        return value
    if isinstance(value, list | tuple):
        return [_converted(item, constraint.items) for item in value]
    whole = isinstance(value, int) and not isinstance(value, bool)
    one_meaning = "float" in constraint.kinds and not constraint.whole_above_one and value not in constraint.words
    return float(value) if whole and one_meaning else value
