"""Agents that never met a reward, or lost what they had learned."""

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


@pytest.mark.parametrize(
    ("returns", "spread", "scheduler", "said"),
    [
        ([20, 429, 131], 50, "constant", True),
        ([20, 429, 131], 50, "cosine", False),  # what would be said is done already
        ([20, 429, 300], 50, "constant", False),  # less than half of what it had learned
        ([20, 429, 131], 600, "constant", False),  # within four standard errors of 50 episodes
        ([20, 131, 429], 50, "constant", False),
        ([429, 131], 50, "constant", False),
    ],
)
def test_an_agent_forgets_if_the_last_return_is_far_below_the_best(
    returns: Sequence[float], spread: float, scheduler: str, said: bool
) -> None:
    curves = {"val/return": returns, "val/return_std": [spread] * len(returns)}
    found = agents.forgetting(made_facts(curves, objective=RETURN, chosen={"scheduler": scheduler}))
    assert (found is not None) is said
    if found is not None:
        assert "from 429 in epoch 1, whose policy is kept, to 131" in found.sentence
