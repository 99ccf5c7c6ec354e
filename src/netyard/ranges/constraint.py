"""The constraint of one parameter: the values it admits, its text for messages, and its form in JSON."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from netyard.ranges.bounds import Ge, Gt, Le, Length, Lt, Odd, OneOf, ShareOrCount

_PLAIN = {int: "int", float: "float", bool: "bool", str: "str"}
_CANDIDATES = (0.1, 0.5, 1, 2, 3, 10, 0, -1)  # the first that is admitted is the example, if no default is


@dataclass(frozen=True)
class Constraint:
    """The values that one parameter admits; every value if both ``kinds`` and ``words`` are empty."""

    kinds: tuple[str, ...] = ()
    """Admitted types, out of: int, float, bool, str, list, mapping, and node: a mapping that names a class to build."""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    odd: bool = False
    whole_above_one: bool = False
    """Above 1 only integers are admitted; see ``bounds.ShareOrCount``."""
    words: tuple[Any, ...] = ()
    """Single values admitted besides the kinds: words, and numbers with a special meaning, such as -1."""
    reasons: Mapping[str, str] | None = None
    """Value -> why it is not allowed, for values that users often try."""
    null: bool = False  # whether null (None) is admitted
    items: Constraint | None = None
    least_items: int = 0
    most_items: int | None = None
    default: Any = None
    """The default of the parameter, suggested instead of a wrong value."""

    def admits(self, value: Any) -> bool:
        """Whether a value, from YAML or Python, is allowed."""
        if value is None:
            return self.null or not (self.kinds or self.words)
        # The type is compared too, because True == 1 in Python.
        if any(type(value) is type(word) and value == word for word in self.words):
            return True
        # Before numbers: bool is a subclass of int, and dropout=true must not count as 1.
        if isinstance(value, bool):
            return "bool" in self.kinds or self.is_text or not (self.kinds or self.words)
        # Not ``int | float``: an ``np.int64``, as Gymnasium's ``Discrete.n`` is, would be refused.
        if isinstance(value, numbers.Real):
            return self._admits_number(value)
        if not (self.kinds or self.words):
            return True
        if isinstance(value, str):
            return "str" in self.kinds
        if isinstance(value, Mapping):
            # An empty node stands for null: Hydra composes one from an empty file.
            return "mapping" in self.kinds or (self.is_node and (self.null if not value else "_target_" in value))
        return "list" in self.kinds and isinstance(value, Sequence) and self._admits_items(value)

    @property
    def is_text(self) -> bool:
        """Whether every value is a text, or a list, so that a number or ``true`` of YAML is meant as a text."""
        return "str" in self.kinds and {*self.kinds} <= {"str", "list"} and not self.words

    @property
    def is_node(self) -> bool:
        """Whether the parameter is built from a config of its own, as the network of a task."""
        return "node" in self.kinds

    def text(self, value: Any) -> Any:
        """A number or boolean that stands where a text is meant, or such items of a list, as they are typed."""
        if self.is_text and isinstance(value, bool | numbers.Real):
            return str(value).lower() if isinstance(value, bool) else str(value)
        if self.items is not None and {*self.kinds} <= {"str", "list"} and isinstance(value, list | tuple):
            return [self.items.text(item) for item in value]
        return value

    def wrong_item(self, value: Any) -> tuple[Any] | None:
        """Return the first item that is not admitted, of a list with an admitted length; None if there is none."""
        # In a tuple, because the item itself may be None.
        if "list" not in self.kinds or self.items is None or not isinstance(value, list | tuple):
            return None
        if not self._has_length(value):
            return None
        return next(((item,) for item in value if not self.items.admits(item)), None)

    def _admits_number(self, value: Any) -> bool:
        if not math.isfinite(value):  # NaN passes no comparison, and infinity every lower bound
            return False
        if not {"int", "float"} & {*self.kinds}:  # a text that YAML reads as a number, as a column called 3
            return "str" in self.kinds or not (self.kinds or self.words)
        # NumPy and torch keep whole numbers in 64 bits, also those that they are given for a float.
        if isinstance(value, numbers.Integral) and not -(2**63) <= int(value) < 2**63:
            return False
        # An int is admitted for a float; a float for an int is not, not even 2.0, which range() would refuse later.
        if not isinstance(value, numbers.Integral) and (
            "float" not in self.kinds or (self.whole_above_one and value > 1)
        ):
            return False
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
            and not (self.odd and value % 2 == 0)
        )

    def _admits_items(self, value: Sequence[Any]) -> bool:
        return self._has_length(value) and (self.items is None or all(self.items.admits(item) for item in value))

    def _has_length(self, value: Sequence[Any]) -> bool:
        return self.least_items <= len(value) <= (math.inf if self.most_items is None else self.most_items)

    def __str__(self) -> str:
        # The allowed values, to follow "it must be".
        ways = []
        if {"int", "float"} & {*self.kinds}:
            ways.append(self._number_as_text())
        if "list" in self.kinds:
            count = self.least_items if self.most_items == self.least_items else None
            size = f" of {count}" if count else f" of at least {self.least_items}" * bool(self.least_items)
            ways.append(f"a list{size}" + (f", each of it {self.items}" if self.items else ""))
        if "bool" in self.kinds:
            ways.append("true or false")
        if "str" in self.kinds:
            ways.append("a text")
        if "mapping" in self.kinds:
            ways.append("a mapping of keys to values")
        if self.is_node:
            ways.append("a node with a _target_")
        if self.words:
            words = [str(word).lower() if isinstance(word, bool) else str(word) for word in self.words]
            ways.append(words[0] if len(words) == 1 else f"one of {', '.join(words)}")
        return ", or ".join([*ways, *["null"] * self.null])

    def _number_as_text(self) -> str:
        low = f" at least {written(self.ge)}" if self.ge is not None else ""
        low = f" above {written(self.gt)}" if self.gt is not None else low
        high = f"at most {written(self.le)}" if self.le is not None else ""
        high = f"below {written(self.lt)}" if self.lt is not None else high
        kind = ("an odd number" if self.odd else "a whole number") if "float" not in self.kinds else "a number"
        both = " and".join(part for part in (low, f" {high}" if high else "") if part)
        return kind + both + ", whole if above 1" * self.whole_above_one

    def example(self, given: Any = None) -> str:
        """Return an admitted value as it is typed: the word most similar to ``given``, the default or a simple one."""
        if self.words and isinstance(given, str) and "str" not in self.kinds and given not in (self.reasons or {}):
            words = [str(word).lower() if isinstance(word, bool) else str(word) for word in self.words]
            # cutoff=0.0 always finds a word. If numbers are admitted too, a word is only suggested for a misspelling.
            if not {"int", "float"} & {*self.kinds} or get_close_matches(given, words, n=1):
                return get_close_matches(given, words, n=1, cutoff=0.0)[0]
        return written(self._example())

    def _example(self) -> Any:
        if self.default and self.admits(self.default):  # not a default of 0, which switches the feature off
            return self.default
        if {"int", "float"} & {*self.kinds}:
            # The bounds themselves come last: they are valid, but extreme.
            bounds = [bound for bound in (self.ge, self.le) if bound is not None]
            return next((each for each in (*_CANDIDATES, *bounds) if self.admits(each)), 1)
        if "list" in self.kinds:
            return [self.items._example() if self.items else 1] * (self.least_items or 1)
        if self.words:
            return self.words[0]
        return next((example for kind, example in _EXAMPLES.items() if kind in self.kinds), None)

    def to_plain(self) -> dict[str, Any]:
        """Return the constraint for JSON, without fields that have their default."""
        # Fields at their defaults would make the table of all parameters several times as long.
        plain: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                plain[field.name] = value.to_plain() if isinstance(value, Constraint) else value
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Constraint:
        """The inverse of ``to_plain``."""
        values: dict[str, Any] = {
            name: tuple(value) if name in ("kinds", "words") else value for name, value in plain.items()
        }
        if "items" in values:
            values["items"] = cls.from_plain(values["items"])
        return cls(**values)


_EXAMPLES = {"bool": True, "str": "TEXT", "mapping": {"key": 1}}


def written(value: Any) -> str:
    """Return a value as it is typed on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{written(each)}' for name, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(written, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def from_annotation(annotation: Any, default: Any = None) -> Constraint | None:
    """Return the constraint of an annotation; None for a type that a config cannot contain: a network, a function."""
    found = _read(annotation)
    if found is None or not (found.get("kinds") or found.get("words")):
        return None
    # JSON and YAML have lists only, and a default must survive the way through the file.
    if isinstance(default, tuple):
        default = list(default)
    if not isinstance(default, bool | int | float | str | list):
        default = None
    return Constraint(**found, default=default)


def node_of(annotation: Any) -> Constraint:
    """Return the constraint of a parameter of a type that a config cannot contain: it is built from a node."""
    return Constraint(kinds=("node",), null=annotation is Any or NoneType in get_args(annotation))


def _read(annotation: Any) -> dict[str, Any] | None:
    """Return the fields of a constraint for an annotation; None if a config cannot contain such a value."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return {"kinds": (_PLAIN[annotation],)}
    if annotation is NoneType:
        return {"null": True}
    if origin is Literal:
        # None is `null`; bytes and members of enums can stand in no config.
        return {"words": tuple(word for word in arguments if isinstance(word, str | int))}
    if origin is Annotated:
        found = _read(arguments[0])
        return None if found is None else found | _bounds(arguments[1:])
    if origin in (Union, UnionType):
        return _union([_read(each) for each in arguments])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"kinds": ("mapping",)}
    # tuple[int, int]: a list of exactly two. tuple[int, ...] is a sequence, below.
    if origin is tuple and Ellipsis not in arguments:
        return {"kinds": ("list",), "items": _items(arguments[0])} | _bounds([Length(len(arguments), len(arguments))])
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return {"kinds": ("list",), "items": _items(arguments[0])}
    return None


def _items(annotation: Any) -> Constraint | None:
    found = _read(annotation)
    return None if found is None else Constraint(**found)


def _union(members: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Merge the members of a union; those that a config cannot contain (a function) are ignored."""
    merged: dict[str, Any] = {}
    for member in members:
        for name, value in (member or {}).items():
            merged[name] = (*merged.get(name, ()), *value) if name in ("kinds", "words") else value
    return None if None in members and not merged.get("kinds") else merged


def _bounds(marks: Sequence[Any]) -> dict[str, Any]:
    """Return the fields of a constraint for the marks of an ``Annotated`` type; unknown marks are ignored."""
    found: dict[str, Any] = {}
    for mark in marks:
        match mark:
            case Ge() | Gt() | Le() | Lt():
                found[type(mark).__name__.lower()] = mark.value
            case ShareOrCount():
                found["whole_above_one"] = True
            case Odd():
                found["odd"] = True
            case Length():
                found |= {"least_items": mark.least, "most_items": mark.most}
            case OneOf():
                # Annotated[str, OneOf(...)]: the words replace the kind, which would admit any text.
                found |= {"kinds": (), "words": mark.words}
                if mark.reasons is not None:
                    found["reasons"] = dict(mark.reasons)
    return found
