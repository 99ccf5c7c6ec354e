"""Agents beside random actions and simple rules, in the same episodes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netyard.baselines import agents, compare
from netyard.errors import DataError


class Measuring:
    """A task that measures the mean return."""

    baseline_kind = "agents"

    def measured(self, episodes: list[tuple[float, int]]) -> dict[str, float]:
        return {"return": float(np.mean([total for total, _ in episodes]))}


TASK = Measuring()


class Environments:
    """Episodes of an environment with a state (F,), which is observed divided by two."""

    id, num_actions, frame_stack, seed, masks = "CartPole-v1", 2, 1, 0, None
    test_episodes, val_episodes = 25, 4

    def __init__(self, size: int = 4, steps: int = 5) -> None:
        self.input_shape, self.steps = [size * self.frame_stack], steps
        self.asked: list[tuple[int, list[int]]] = []
        self.seen: list[np.ndarray] = []

    def open(self, *_: Any) -> None: ...

    step = record_episode = open

    def denormalize(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    def run_episodes(self, policy: Any, purpose: int, episodes: list[int]) -> list[tuple[float, int]]:
        self.asked.append((purpose, episodes))
        random.random(), np.random.rand(), torch.rand(1)
        totals = np.zeros(len(episodes))
        for step in range(self.steps):
            observations = np.full((len(episodes), self.input_shape[0]), (-1) ** step, np.float32)
            actions = policy(observations) if self.masks is None else policy(observations, self.masks[: len(episodes)])
            self.seen.append(actions)
            totals += actions == (observations[:, -1] > 0)
        return [(float(total), self.steps) for total in totals]


def test_both_policies_act_in_the_episodes_of_the_test() -> None:
    data = Environments()
    found = agents.scores(TASK, data, "test")
    assert {purpose for purpose, _ in data.asked} == {2}
    assert [each for _, episodes in data.asked for each in episodes] == [*range(25)] * 2
    assert found.values["return"]["scripted_policy"] == 5 and 1.5 < found.values["return"]["random_policy"] < 3.5
    assert (next(iter(found.values)), found.mode, found.tested) == ("return", "max", None)
    assert found.chosen["scripted_policy"] == {"episodes": 25, "standard_error": 0.0}


def test_a_validation_has_its_own_episodes() -> None:
    data = Environments()
    agents.scores(TASK, data, "val")
    assert {purpose for purpose, _ in data.asked} == {1}
    assert data.asked[0][1] == [*range(4)]


def test_the_global_random_numbers_stay_as_they_are(tmp_path: Path) -> None:
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    first, second = (compare.computed(TASK, Environments(), "test", place=tmp_path / name) for name in ("a", "b"))
    assert first is not None and second is not None and first.values == second.values
    after = random.getstate(), np.random.get_state()[1], torch.get_rng_state()
    assert before[0] == after[0] and np.array_equal(before[1], after[1]) and torch.equal(before[2], after[2])


def test_random_actions_are_valid_ones() -> None:
    data = Environments()
    data.id, data.masks = "other", np.array([[False, True]] * 10)
    found = agents.scores(TASK, data, "test")
    assert set(found.values["return"]) == {"random_policy"}
    assert all((actions == 1).all() for actions in data.seen)


@pytest.mark.parametrize(("id", "size"), [("MyPole-v1", 4), ("pack:CartPole-v1", 4), ("CartPole-v1", 5)])
def test_an_environment_without_a_rule_has_random_actions_alone(id: str, size: int) -> None:
    data = Environments(size)
    data.id = id
    assert set(agents.policies(data)) == {"random_policy"}


def test_of_stacked_observations_a_rule_sees_the_newest() -> None:
    data = Environments()
    data.frame_stack, data.input_shape = 2, [8]
    act = agents.policies(data)["scripted_policy"]
    assert act(np.array([[0, 0, -1, -1, 0, 0, 1, 1]], np.float32)).tolist() == [1]


@pytest.mark.parametrize(("most", "tested"), [(125, None), (124, 20), (50, 10)])
def test_episodes_beyond_the_limit_of_steps_are_left_out(
    most: int, tested: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "_MOST_STEPS", most)  # 25 episodes of 5 steps, 10 at once
    assert agents.scores(TASK, Environments(), "test").tested == tested


def test_an_environment_that_never_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "_MOST_STEPS", 49)
    with pytest.raises(DataError, match="10 episodes of CartPole-v1 did not end within 49 steps"):
        agents.scores(TASK, Environments(), "test")


@pytest.mark.parametrize(
    ("rule", "state", "action"),
    [
        (agents.cart_pole, [0, 0, 0.1, 0.1], 1),
        (agents.cart_pole, [0, 0, 0.1, -0.2], 0),
        (agents.mountain_car, [-0.5, -0.01], 0),
        (agents.mountain_car, [-0.5, 0.01], 2),
        (agents.acrobot, [1, 0, 1, 0, -1, 0], 2),
        (agents.acrobot, [1, 0, 1, 0, 1, 0], 0),
    ],
)
def test_rules(rule: agents.Rule, state: list[float], action: int) -> None:
    assert rule(np.array([state])).tolist() == [action]
