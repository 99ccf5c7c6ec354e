"""Agents that never met a reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from netyard.diagnostics import agents
from support.run_facts import made_facts

RETURN = {"name": "val/return", "mode": "max"}
EXPLORES = {"task.epsilon_end": 0.05, "task.epsilon_fraction": 0.3}


@pytest.mark.parametrize(
    ("training", "validation", "spreads", "changes", "said"),
    [
        ([-200] * 4, [-200] * 4, [0] * 4, EXPLORES, True),
        ([-200, -200, -199, -200], [-200] * 4, [0] * 4, EXPLORES, False),  # met once
        ([-200] * 4, [-200] * 4, [0, 0, 1, 0], EXPLORES, False),
        ([20, 300, 400, 500], [500] * 4, [0] * 4, EXPLORES, False),  # solved at once
        ([-200] * 2, [-200] * 2, [0] * 2, EXPLORES, False),
        ([-200] * 4, [-200] * 4, [0] * 4, {}, False),  # noisy layers: nothing of epsilon to change
    ],
)
def test_an_agent_has_met_no_reward_if_all_returns_are_equal(
    training: Sequence[float],
    validation: Sequence[float],
    spreads: Sequence[float],
    changes: Mapping[str, Any],
    said: bool,
) -> None:
    curves = {"train/return": training, "val/return": validation, "val/return_std": spreads}
    found = agents.no_reward(made_facts(curves, changes, RETURN))
    assert (found is not None) is said
    if found is not None:
        assert found.suggestion.overrides == ("trainer.max_epochs=20", "task.epsilon_end=0.1")
