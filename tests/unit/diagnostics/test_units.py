"""Dead ReLU units."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from netyard.diagnostics.units import dead_units
from support.run_facts import made_facts

CURVES = {"train/loss": [1.0]}


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"hidden.2": (49, 100)}, None),
        ({"hidden.2": (50, 100)}, "50 of the 100 ReLU units of hidden.2"),
        ({"hidden.2": (50, 100), "hidden.4": (9, 10)}, "9 of the 10 ReLU units of hidden.4"),
        ({}, None),
    ],
)
def test_half_of_a_layer_is_dead(units: Mapping[str, tuple[int, int]], said: str | None) -> None:
    found = dead_units(made_facts(CURVES, dead_units=units))
    assert (found is None) if said is None else (found is not None and found.sentence.startswith(said))


def test_a_network_with_a_choice_of_activations_gets_another() -> None:
    dead = {"hidden.2": (50, 100)}
    leaky, slower = (
        dead_units(made_facts(CURVES, dead_units=dead)),
        dead_units(made_facts(CURVES, {"model.activation": None}, dead_units=dead)),
    )
    assert leaky is not None and leaky.suggestion.overrides == ("model.activation=leaky_relu",)
    assert slower is not None and slower.suggestion.overrides == ("optimizer.lr=0.0001",)
