"""The constraints of a constructor, from its annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pytest

from netyard.errors import ArgumentError, ConfigError
from netyard.ranges import signature
from netyard.ranges.bounds import Count, Gt, OneOf, Probability

if TYPE_CHECKING:
    from decimal import Decimal


class Net:
    def __init__(self, hidden_sizes: Sequence[Count], body: Decimal, dropout: Probability = 0.0, **others: Any) -> None:
        signature.check(Net, locals(), "model")


@dataclass(kw_only=True)
class Base:
    batch_size: Count = 8
    make: Callable[..., Any] | None = None


@dataclass(kw_only=True)
class Child(Base):
    share: Annotated[float, Gt(0)] = 0.5


def drawn(temperature: Annotated[float, Gt(0)] = 1.0) -> None:
    signature.check(drawn, locals())


def function(optimizer: Decimal, power: Annotated[float, Gt(0)] = 1.0) -> None:
    signature.check(function, locals(), "scheduler")


def test_parameters_of_classes_dataclasses_and_functions_are_found() -> None:
    assert sorted(signature.constraints(Net)) == ["dropout", "hidden_sizes"]
    assert sorted(signature.constraints(Child)) == ["batch_size", "share"]
    assert sorted(signature.constraints(function)) == ["power"]
    assert signature.constraints(Child)["share"].default == 0.5


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Net([64, 0], None),
            "hidden_sizes is 0; it must be a whole number at least 1; try model.hidden_sizes=[1].",
        ),
        (
            lambda: Net([64], None, 1.5),
            "dropout is 1.5; it must be a number at least 0 and below 1; try model.dropout=0.1.",
        ),
        (lambda: Net([64], None, None), "dropout is null; "),
        (lambda: Net([64], None, True), "dropout is true; "),
        (lambda: Net([64], None, "half"), "dropout is 'half'; "),
        (lambda: function(None, -1), "power is -1; it must be a number above 0; try scheduler.power=1."),
        (lambda: drawn(0), "temperature is 0; it must be a number above 0; try temperature=1."),
    ],
)
def test_a_constructor_refuses_what_its_annotation_does_not_admit(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        make()
    assert str(refused.value).startswith(said)
    assert isinstance(refused.value, ValueError) and isinstance(refused.value, ConfigError)
    assert refused.value.given and refused.value.allowed and refused.value.type_this


def test_numbers_of_numpy_are_numbers() -> None:
    Net([np.int64(64), np.int32(32)], None, np.float32(0.5))
    with pytest.raises(ArgumentError, match="must be a whole number at least 1"):
        Net([np.float64(64)], None)
    with pytest.raises(ArgumentError, match="must be a number at least 0"):
        Net([64], None, np.float32("nan"))


def test_admitted_arguments_pass() -> None:
    Net([64, 32], None, 0.5, anything=3)
    function(None)


def layer(activation: Annotated[str, OneOf(["relu", "softplus"], {"softmax": "is in the loss"})] = "relu") -> None:
    signature.check(layer, locals(), "model")


def test_reason_is_given_for_a_common_wrong_value() -> None:
    wanted = (
        "activation is 'softmax'; it must be one of relu, softplus; softmax is in the loss; try model.activation=relu."
    )
    with pytest.raises(ArgumentError, match=f"^{wanted}$"):
        layer("softmax")
    with pytest.raises(ArgumentError, match=r"softplus; try model\.activation=softplus\.$"):
        layer("softplu")


def test_a_list_for_a_parameter_with_reasons_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"activation is \['relu'\]; it must be one of relu, softplus; try "):
        layer(["relu"])  # type: ignore[arg-type]
