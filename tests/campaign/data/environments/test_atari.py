"""Agents that learn Atari games from pixels."""

from __future__ import annotations

import pytest

from support.q_learning_task import check_learns_from_pixels

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.mark.parametrize("model", ["dqn", "rainbow"])
def test_agents_learn_from_pixels(train, model: str) -> None:
    check_learns_from_pixels(train, model)
