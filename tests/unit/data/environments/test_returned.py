"""Whatever an environment's own code returns is taken, or answered with the environment's id."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from netyard.data.environments.experience import Experience
from netyard.data.environments.vector import VectorEnvironment
from netyard.errors import DataError, ForeignCodeError

ID = "netyard-tests/Returning-v0"


class Returning(gym.Env[Any, Any]):
    """Returns what it is told to."""

    def __init__(self, reset: Any = None, step: Any = None, space: Any = None) -> None:
        self.observation_space, self.action_space = space or spaces.Box(0, 1, (2,)), spaces.Discrete(2)
        self.on_reset, self.on_step = reset, step

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return (np.zeros(2, np.float32), {}) if self.on_reset is None else self.on_reset()

    def step(self, action: Any) -> Any:
        return self.on_step()


class Seedless(Returning):
    def reset(self) -> Any:  # type: ignore[override]
        return np.zeros(2, np.float32), {}


gym.register(ID, Returning)
gym.register("netyard-tests/Seedless-v0", Seedless)
SEEN = np.zeros(2, np.float32)


def stepped(step: Any = None, reset: Any = None, id: str = ID, **keys: Any) -> Experience:
    options = {"step": step or (lambda: (SEEN, 0.0, False, False, {})), "reset": reset}
    data = Experience(id=id, options=options, steps_per_batch=10, steps_per_epoch=10, replay_size=200, **keys)
    data.facts()
    data.open(1, 0.9, False, torch.device("cpu"))
    for _ in range(3):
        data.step(np.array([0]))
    data.check()
    return data


@pytest.mark.parametrize(
    ("returned", "reward", "ended"),
    [
        ((SEEN, np.array([2.0]), False, False, {}), 2.0, False),
        ((SEEN, np.array(2), False, False, {}), 2.0, False),
        ((SEEN, np.float16(2), np.bool_(True), np.bool_(False), {}), 2.0, True),
        ((SEEN, True, np.array([False]), np.array([True]), None), 1.0, True),
        ((SEEN, torch.tensor(2.0), torch.tensor(True), False, {}), 2.0, True),
        ((SEEN.tolist(), 2, 0, 1, {}), 2.0, True),
        ((SEEN, 2, None, False, {}), 2.0, False),
        ((SEEN, 2.0, False, False, "a text"), 2.0, False),
        ([SEEN, 2.0, False, False, {}], 2.0, False),
        ((SEEN, 2.0, True, {}), 2.0, True),
        ((SEEN, 2.0, True, None), 2.0, True),
        ((SEEN, 2.0, True, {"TimeLimit.truncated": True}), 2.0, True),
    ],
    ids=str,
)
def test_what_is_meant_clearly_is_taken(returned: Any, reward: float, ended: bool) -> None:
    data = stepped(lambda: returned)
    assert data._replay.rewards[0] == reward and len(data.finished) == 3 * ended


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ((SEEN, np.zeros(2), False, False, {}), r"returned a reward of shape \(2,\); a reward is one number"),
        ((SEEN, None, False, False, {}), r"returned a reward of type NoneType"),
        ((SEEN, "1", False, False, {}), r"returned a reward of type str"),
        ((SEEN, np.nan, False, False, {}), r"returned the reward nan"),
        ((SEEN, -np.inf, False, False, {}), r"returned the reward -inf"),
        ((SEEN, 0.0, "no", False, {}), r"returned a value of terminated of type str"),
        ((SEEN, 0.0, [True, False], False, {}), r"returned a value of terminated of shape \(2,\)"),
        ((SEEN, 0.0), r"returned 2 values from step; a step returns observation, reward"),
        (None, r"returned NoneType from step"),
        ((np.array([np.nan, 0]), 0.0, False, False, {}), r"returned the observation NaN or infinite"),
        ((np.array([np.inf, 0]), 0.0, False, False, {}), r"returned the observation NaN or infinite"),
        ((np.zeros((2, 2)), 0.0, False, False, {}), r"returned an observation of shape \(2, 2\)"),
        ((SEEN, 0.0, False, False, {"action_mask": [1]}), r"returned an action mask of shape \(1,\)"),
        ((SEEN, 0.0, False, False, {"action_mask": [0, 0]}), r"allows no action, but the episode has not ended"),
    ],
    ids=str,
)
def test_what_means_nothing_is_answered(returned: Any, said: str) -> None:
    with pytest.raises(DataError, match=rf"^environment {ID} {said}") as error:
        stepped(lambda: returned)
    assert error.value.allowed and error.value.type_this


@pytest.mark.parametrize("method", ["reset", "step"])
def test_an_exception_of_its_own_keeps_its_traceback(method: str) -> None:
    def fail() -> Any:
        raise KeyError("speed")

    with pytest.raises(ForeignCodeError, match=rf"environment {ID} raised KeyError: 'speed' in {method}") as error:
        stepped(**{method: fail})
    assert error.value.exit_code == 2 and error.value.shows_traceback
    assert isinstance(error.value.__cause__, KeyError)


def test_earlier_forms_of_reset_are_taken() -> None:
    for reset in (lambda: SEEN, lambda: (SEEN, None), lambda: [0, 0]):
        assert stepped(reset=reset)._replay.added == 3
    data = stepped(id="netyard-tests/Seedless-v0")
    assert any("takes no seed" in remark for remark in data.summary()["remarks"])
    pair = spaces.Tuple((spaces.Discrete(2), spaces.Dict(a=spaces.Discrete(2))))
    shown = (1, {"a": 0})
    options = {"reset": lambda: shown, "step": lambda: (shown, 0.0, True, False, {}), "space": pair}
    assert Experience(id=ID, options=options).facts()["input_shape"] == [4], "a pair may be an observation"


@pytest.mark.parametrize(
    ("value", "lost"),
    [(True, True), (1, True), (np.array([1]), True), (np.bool_(True), True)]
    + [(value, False) for value in (False, 0, None, np.bool_(False), np.array([0]), "")],
    ids=str,
)
def test_only_a_true_value_is_a_lost_life(value: Any, lost: bool) -> None:
    data = stepped(lambda: (SEEN, 0.0, False, False, {"life_lost": value}))
    assert data._replay.returns(np.arange(2))[1].tolist() == pytest.approx([0.0 if lost else 0.9] * 2)


def test_an_environment_without_a_time_limit_gets_one_that_is_told() -> None:
    endless = stepped()
    assert endless.max_episode_steps == 1_000 and "has no time limit" in " ".join(endless.summary()["remarks"])
    ends = stepped(lambda: (SEEN, 0.0, False, True, {}))
    assert ends.max_episode_steps is None and stepped(max_episode_steps=7).max_episode_steps == 7


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (None, r"render\(\) returned nothing"),
        ([np.zeros((4, 4, 3))] * 2, r"render\(\) returned an array of shape \(2, 4, 4, 3\)"),
        ("a picture", r"render\(\) returned no array of numbers"),
        (NotImplementedError(), r"it has no method render\(\)"),
        (KeyError("x"), r"render\(\) raised KeyError"),
    ],
    ids=["nothing", "list", "text", "none", "exception"],
)
def test_what_is_no_frame_is_one_sentence(picture: Any, said: str) -> None:
    def render(self: Any) -> Any:
        if isinstance(picture, Exception):
            raise picture
        return picture

    environments = VectorEnvironment("x", [drawing(render)])
    with pytest.raises(DataError, match=rf"environment x cannot be drawn: {said}.*; a film needs render_mode"):
        environments.render(0)


@pytest.mark.parametrize(
    "picture",
    [np.full((4, 5), 9, np.uint8), np.full((4, 5, 4), 9, np.uint8), np.full((4, 5, 3), 9.4 / 255)],
    ids=["grey", "rgba", "float"],
)
def test_every_kind_of_picture_becomes_a_frame(picture: Any) -> None:
    frame = VectorEnvironment("x", [drawing(lambda self: picture)]).render(0)
    assert frame.shape == (4, 5, 3) and frame.dtype == np.uint8 and (frame == 9).all()


def drawing(render: Any) -> Any:
    kind = type("Drawing", (Returning,), {"render": render})
    return kind()


def test_episodes_that_teach_nothing_are_told() -> None:
    def remarks(reward: float, ends: bool, count: int = 12) -> str:
        data = stepped(lambda: (SEEN, reward, ends, False, {}))
        for _ in range(count):
            data.step(np.array([0]))
        return " ".join(data.remarks_on_episodes(finished=True))

    assert f"no training episode of {ID} has ended yet" in remarks(1.0, False)
    assert "episodes of netyard-tests/Returning-v0 returned 0: no action was ever rewarded" in remarks(0.0, True)
    assert "returned 1: the return does not show what is learned" in remarks(1.0, True)
    assert remarks(0.0, True, count=2) == "" == remarks_after_an_epoch()


def remarks_after_an_epoch() -> str:
    data = stepped(lambda: (SEEN, 0.0, True, False, {}))
    return " ".join(data.remarks_on_episodes(finished=False))
