"""An agent that learns an Atari game from pixels."""

from __future__ import annotations

import pytest

from support.q_learning_task import check_learns_from_pixels


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_an_agent_learns_from_pixels(train) -> None:
    check_learns_from_pixels(train, "dqn")
