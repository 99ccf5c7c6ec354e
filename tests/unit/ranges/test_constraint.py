"""What one parameter admits, in words, and as plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest

from netyard.ranges.bounds import Count, Ge, Gt, Le, Length, Odd, OneOf, Probability, ShareOrCount, Unit
from netyard.ranges.constraint import Constraint, from_annotation

NAN, INF = float("nan"), float("inf")

CASES: list[tuple[Any, list[Any], list[Any], str]] = [
    (int, [0, -3], [0.5, 1.0, "1", True, None, [1]], "a whole number"),
    (float, [0, -0.5, 1e300], [NAN, INF, -INF, "1", False, None], "a number"),
    (bool, [True, False], [0, 1, "true", None], "true or false"),
    (str, ["a", 3, 0.5, True], [None, NAN, ["a"], {}], "a text"),
    (Count, [1, 10**9], [0, -1, 1.5, True], "a whole number at least 1"),
    (Count | None, [1, None], [0], "a whole number at least 1, or null"),
    (Probability, [0, 0.999], [1, -1e-9], "a number at least 0 and below 1"),
    (Unit, [0, 1], [1.001], "a number at least 0 and at most 1"),
    (Annotated[float, Gt(0), Le(180)], [180], [0], "a number above 0 and at most 180"),
    (Annotated[float, Le(0)], [0, -1], [1], "a number at most 0"),
    (Annotated[int, Ge(1), Odd()], [1, 3], [2, 0], "an odd number at least 1"),
    (Annotated[float, Gt(0), ShareOrCount()], [0.5, 1, 1.0, 3], [0, 1.5], "a number above 0, whole if above 1"),
    (Count | Literal["auto"], [2, "auto"], [0, "many"], "a whole number at least 1, or auto"),
    (Count | Literal[-1] | None, [1, -1, None], [0, -2], "a whole number at least 1, or -1, or null"),
    (Literal["min", "max"], ["min"], ["mim", None, 1], "one of min, max"),
    (Annotated[str, OneOf({"relu": 1, "tanh": 2})], ["tanh"], ["rleu", 3], "one of relu, tanh"),
    (Annotated[bool | str, OneOf((False, "sample"))], [False, "sample"], [True, 0, "x"], "one of false, sample"),
    (Sequence[Count], [[], [1, 2], (3,)], [[0], [1.5], 1, "12", None], "a list, each of it a whole number at least 1"),
    (Annotated[list[Count], Length(1)], [[1]], [[]], "a list of at least 1, each of it a whole number at least 1"),
    (
        tuple[Unit, Unit],
        [[0, 1]],
        [[0], [0, 1, 1], [0, 2]],
        "a list of 2, each of it a number at least 0 and at most 1",
    ),
    (dict[str, Any], [{}, {"a": 1}], [[], "a", 1], "a mapping of keys to values"),
    (bool | str | None, [True, "file", None], [[1]], "true or false, or a text, or null"),
]


@pytest.mark.parametrize(("annotation", "admitted", "refused", "words"), CASES, ids=lambda value: str(value)[:40])
def test_constraint_of_an_annotation(annotation: Any, admitted: list, refused: list, words: str) -> None:
    constraint = from_annotation(annotation)
    assert constraint is not None
    assert [value for value in admitted if not constraint.admits(value)] == []
    assert [value for value in refused if constraint.admits(value)] == []
    assert str(constraint) == words
    assert constraint.admits(constraint._example())


@pytest.mark.parametrize("annotation", [case[0] for case in CASES], ids=lambda value: str(value)[:40])
def test_constraint_survives_json(annotation: Any) -> None:
    constraint = from_annotation(annotation)
    assert constraint is not None
    assert Constraint.from_plain(json.loads(json.dumps(constraint.to_plain()))) == constraint


@pytest.mark.parametrize("annotation", [Any, object, Callable[..., Any], Callable[..., Any] | None, type(None)])
def test_type_outside_of_configs_has_no_constraint(annotation: Any) -> None:
    assert from_annotation(annotation) is None


@pytest.mark.parametrize(
    ("annotation", "default", "given", "example"),
    [
        (Probability, 0.3, 2, "0.3"),
        (Probability, 0.0, 2, "0.1"),  # a zero is what the user did not want
        (Annotated[int, Ge(260)], None, 1, "260"),
        (Sequence[Count], (256, 128), [0], "[256,128]"),
        (Sequence[Count], None, [0], "[1]"),
        (Literal["min", "max"], "min", "mxa", "max"),
        (Annotated[str, OneOf(("relu", "tanh"))], "relu", "than", "tanh"),
        (Count | Literal["auto"], 2, "aut", "auto"),
        (Count | Literal["auto"], 2, -1, "2"),
        (bool, False, 1, "true"),
        (Mapping[str, Any], None, 1, "{key:1}"),
    ],
)
def test_example_is_similar_to_the_given_value(annotation: Any, default: Any, given: Any, example: str) -> None:
    constraint = from_annotation(annotation, default)
    assert constraint is not None and constraint.example(given) == example
