"""Every agent in a small world, and on a pole."""

from __future__ import annotations

import pytest

from netyard.config.catalog import families
from support.q_learning_task import check_finds_way

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")
AGENTS = list(families()["dqn"]["variants"])


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_finds_the_way_in_a_small_world(train, name: str) -> None:
    check_finds_way(train, name)


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_learns_to_hold_the_pole(train, name: str) -> None:
    ran = train(f"model={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/return"] > 200
