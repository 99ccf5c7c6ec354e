"""Q-learning: against exact values, step by step by hand, resumed, and what is refused."""

from __future__ import annotations

import pytest

from netyard.catalog import families

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")
AGENTS = list(families()["dqn"]["variants"])


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_learns_to_hold_the_pole(train, name: str) -> None:
    ran = train(f"model={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/return"] > 200
