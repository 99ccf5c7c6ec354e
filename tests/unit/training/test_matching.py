"""Tasks and data that do not belong together."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from netyard.data.environments.experience import Experience
from netyard.errors import ArgumentError
from netyard.tasks.q_learning.q_learning import QLearning
from netyard.tasks.reconstruction import Reconstruction
from netyard.training.matching import check_data
from support.datasets import build


def test_environments_and_samples_each_have_their_tasks() -> None:
    # Neither needs to be built: what they are is read from their classes.
    acts: Any = QLearning.__new__(QLearning)
    learns: Any = Reconstruction.__new__(Reconstruction)
    environments = build("cartpole")
    assert isinstance(environments, Experience)
    check_data(acts, environments)
    check_data(learns, build("iris"))
    with pytest.raises(ArgumentError, match=re.escape("try model=dqn task=q_learning, or data=digits.")):
        check_data(learns, environments)
    with pytest.raises(ArgumentError, match=r"SimpleNamespace gives no environments; QLearning .* try data=cartpole\."):
        check_data(acts, SimpleNamespace())
