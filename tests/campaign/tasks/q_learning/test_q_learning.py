"""Every agent in a small world, and on a pole."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.config.catalog import families
from support.q_learning_task import EXACT, check_exact_values, check_finds_way, check_mistake

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")
AGENTS = list(families()["dqn"]["variants"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("model=resnet18", "data=cartpole"), 2, "does not fit data=cartpole"),
        (("model=dqn", "data=gym"), 2, "data=gym needs data.id"),
        (("model=dqn", "optimizer=lbfgs"), 2, "try optimizer=adam"),
        (("model=dqn", "task.discount=1.5"), 2, "task.discount is 1.5"),
    ],
    ids=str,
)
def test_a_mistake_is_one_message(train, words: tuple[str, ...], code: int, said: str) -> None:
    check_mistake(train, words, code, said)


@pytest.mark.parametrize("keys", EXACT, ids=str)
def test_the_values_of_a_small_world_are_learned_exactly(keys: dict[str, Any]) -> None:
    check_exact_values(keys)


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_finds_the_way_in_a_small_world(train, name: str) -> None:
    check_finds_way(train, name)


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_learns_to_hold_the_pole(train, name: str) -> None:
    ran = train(f"model={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/return"] > 200
