"""``constraints.json`` of a ``conf/`` folder: the constraints of each class that it names. Imports none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netyard.ranges.constraint import Constraint

FILE = (
    "constraints.json"  # beside the groups of a conf/; generated, so that a config is checked before torch is imported
)

_KINDS = {"int", "float", "bool", "str", "list", "mapping", "node"}


def load(path: Path) -> dict[str, dict[str, Any]]:
    """Return the table in a file: class -> parameter -> plain form of its ``Constraint``; empty without a file."""
    if not path.is_file():
        return {}
    loaded: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def require(path: Path) -> None:
    """Check the table of another package.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not JSON, or an entry is not a constraint.
    """
    table: Any = load(path)
    for target, parameters in table.items() if isinstance(table, Mapping) else [("it", None)]:
        if not isinstance(parameters, Mapping):
            raise ValueError(f"{target} has no parameters with their constraints")
        for name, plain in parameters.items():
            # A wrong table has to fail here: where a config is checked, its TypeError would look like a bug of netyard.
            try:
                sound = _is_sound(Constraint.from_plain(plain))
            except (AttributeError, TypeError):
                sound = False
            if not sound:
                raise ValueError(f"{target}.{name} is not a constraint")


def as_text(table: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table as JSON with one line for each parameter, so that a change is one line of a diff."""
    # json.dumps(indent=2) would put every bound of a parameter on a line of its own.
    targets = []
    for target, parameters in table.items():
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(plain)}" for name, plain in parameters.items())
        targets.append(f"  {json.dumps(target)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(targets) + "\n}\n" if targets else "{}\n"


def _is_sound(constraint: Constraint) -> bool:
    """Whether the fields of a constraint have the types that ``Constraint.admits`` needs."""
    # from_plain is a dataclass constructor, which checks names of fields but no types.
    bounds = (constraint.ge, constraint.gt, constraint.le, constraint.lt, constraint.least_items, constraint.most_items)
    return (
        {*constraint.kinds} <= _KINDS
        and all(bound is None or isinstance(bound, int | float) for bound in bounds)
        and (constraint.items is None or _is_sound(constraint.items))
    )
