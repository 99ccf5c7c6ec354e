"""Environments: what is made of them, the episodes they give, and what is said of those that are wrong."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from netyard.config import catalog
from netyard.config.compose import compose
from netyard.data.environments import create
from netyard.data.environments.experience import Experience
from netyard.data.environments.layout import layout_of
from netyard.data.environments.vector import TEST, TRAINING, VectorEnvironment, episode_seed
from netyard.errors import ConfigError, DataError, ForeignCodeError, PlatformError
from support.environments import CONTINUOUS, CORRIDOR, COUNTING


def experience(id: str = COUNTING, **keys: object) -> Experience:
    return Experience(
        id=id, steps_per_batch=keys.pop("steps_per_batch", 12), steps_per_epoch=12, replay_size=200, **keys
    )


def opened(**keys: object) -> Experience:
    data = experience(**keys)
    data.open(1, 0.9, False, torch.device("cpu"))
    return data


def nothing(observations: np.ndarray) -> np.ndarray:
    return np.zeros(len(observations), np.int64)


def test_training_runs_through_episodes_and_tells_their_ends_apart() -> None:
    for truncate, discount in ((False, 0.0), (True, 0.9)):
        data = opened(options={"length": 3, "truncate": truncate}, num_envs=2)
        for _ in range(7):
            data.step(np.array([0, 1]))
        assert data.finished == [(60.0, 3), (63.0, 3)] * 2
        replay = data._replay
        assert replay.rewards[:3].tolist() == [10, 20, 30] and replay.frames[:4, 0].tolist() == [0, 1, 2, 3]
        assert replay.returns(np.arange(3))[1].tolist() == pytest.approx([0.9, 0.9, discount])
        assert not replay.played[3], "nothing was done after the end"
        assert replay.frames[4, 0] == 0 and replay.frames[4, 1] != replay.frames[0, 1], "another seed"


def test_a_lost_life_is_an_end_for_the_learner_only() -> None:
    data = opened(options={"length": 6, "lives": 3})
    for _ in range(6):
        data.step(np.array([0]))
    assert data.finished == [(210.0, 6)]
    assert data._replay.returns(np.arange(6))[1].tolist() == pytest.approx([0.9, 0.9, 0, 0.9, 0.9, 0])
    assert data._replay.frames[:7, 0].tolist() == list(range(7))


def test_rewards_are_clipped_for_the_learner_only() -> None:
    data = opened(options={"length": 2}, clip_rewards=True)
    for _ in range(2):
        data.step(np.array([0]))
    assert data.finished == [(30.0, 2)] and data._replay.rewards[:2].tolist() == [1, 1]


def test_an_episode_can_be_cut_short() -> None:
    data = opened(options={"length": 50}, max_episode_steps=4)
    for _ in range(4):
        data.step(np.array([0]))
    assert data.finished == [(100.0, 4)]
    assert data._replay.returns(np.array([3]))[1] == pytest.approx(0.9), "truncated"


def test_seeds_are_honoured_and_evaluation_has_its_own() -> None:
    seeds = {episode_seed(seed, purpose, place, 0) for seed in (0, 1) for purpose in range(4) for place in range(3)}
    assert len(seeds) == 24
    first, again, other = (opened(seed=seed, num_envs=2) for seed in (3, 3, 4))
    assert np.array_equal(first.observations, again.observations)
    assert not np.array_equal(first.observations, other.observations)
    seen: list[np.ndarray] = []

    def noting(observations: np.ndarray) -> np.ndarray:
        seen.append(observations[:, 1].copy())
        return nothing(observations)

    assert first.run_episodes(noting, TEST, [0, 1, 2]) == [(150.0, 5)] * 3
    before = seen[0]
    first.run_episodes(noting, TEST, [1])
    assert seen[-1][0] == before[1], "the episode of a number is the same in any company"
    state = first.observations.copy()
    first.run_episodes(noting, TEST, [0])
    assert np.array_equal(first.observations, state), "training did not move"
    assert TRAINING != TEST


def test_pictures_are_stacked_and_kept_once() -> None:
    data = opened(options={"length": 5, "shape": (1, 9, 9)}, frame_stack=4, num_envs=1)
    for _ in range(6):
        data.step(np.array([0]))
    assert data.observations[0, :, 0, 0].tolist() == [0, 0, 0, 1]
    replay = data._replay
    assert replay.frames.shape == (200, 1, 9, 9)
    assert replay.observations(np.array([0, 2, 4]))[:, :, 0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 1, 2], [1, 2, 3, 4]]
    assert data.facts()["input_shape"] == [4, 9, 9] and data.facts()["num_actions"] == 2


@pytest.mark.parametrize("num_envs", [1, 3])
def test_episodes_go_on_where_a_checkpoint_left_them(num_envs: int) -> None:
    rng = np.random.default_rng(0)
    first, second = (opened(id="CartPole-v1", num_envs=num_envs) for _ in range(2))
    for _ in range(50):
        first.step(rng.integers(2, size=num_envs))
    second = experience("CartPole-v1", num_envs=num_envs)
    second.load_state_dict(first.state_dict())
    second.open(1, 0.9, False, torch.device("cpu"))
    for _ in range(60):
        assert np.array_equal(first.observations, second.observations)
        actions = rng.integers(2, size=num_envs)
        first.step(actions)
        second.step(actions)
    assert first.finished == second.finished and len(first.finished) >= 3
    assert torch.equal(first._replay.frames, second._replay.frames)


def test_an_episode_that_cannot_be_played_again_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    first = opened()
    first.step(np.array([1]))
    state = first.state_dict()
    state["stage"]["observations"] += 1
    second = experience()
    second.load_state_dict(state)
    second.open(1, 0.9, False, torch.device("cpu"))
    assert "did not reproduce its saved episode" in caplog.text
    assert second.observations[0, 0] == 0


def test_a_replay_that_was_not_kept_is_said_to_be_missing(caplog: pytest.LogCaptureFixture) -> None:
    first = opened(save_replay=False)
    first.step(np.array([1]))
    second = experience()
    second.load_state_dict(first.state_dict())
    replay = second.open(1, 0.9, False, torch.device("cpu"))
    assert "has no replay (data.save_replay=false)" in caplog.text
    assert len(replay) == 0 and second.observations[0, 0] == 1
    second.step(np.array([0]))
    assert replay.frames[:2, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("id", "keys", "error", "said"),
    [
        (CONTINUOUS, {}, ConfigError, r"has the actions Box.*Discrete.*try data=cartpole"),
        ("CartPoel-v1", {}, ConfigError, r"no environment CartPoel-v1; did you mean CartPole-v1.*data\.id=CartPole-v1"),
        ("CartPole-v77", {}, ConfigError, r"CartPole-v77"),
        ("Nowhere/Nothing-v0", {}, ConfigError, r"no environment Nowhere/Nothing-v0"),
        (
            "CartPole-v1",
            {"options": {"gravitas": 1}},
            ConfigError,
            r"CartPole-v1 has no option 'gravitas'; its options are sutton",
        ),
        (
            COUNTING,
            {"options": {"fault": "birth"}},
            ForeignCodeError,
            r"raised RuntimeError: it was not to be in its constructor",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_by_its_id(id: str, keys: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as refused:
        experience(id, **keys).facts()
    assert refused.value.exit_code == 2


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(create.PROVIDERS, "ALE", ("no_such_package", "atari"))
    with pytest.raises(
        PlatformError, match=r"ALE/Pong-v5 needs a package.*type pip install 'netyard\[atari\]'"
    ) as said:
        experience("ALE/Pong-v5").facts()
    assert said.value.exit_code == 5


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("reward", r"returned the reward nan"),
        ("observation", r"returned the observation NaN"),
        ("shape", r"returned an observation of shape \(3,\); its observation space has the shape \(2,\)"),
        ("crash", r"raised RuntimeError: the world ends"),
    ],
)
def test_a_fault_of_an_environment_is_its_own(fault: str, said: str) -> None:
    data = opened(options={"fault": fault})
    kind = ForeignCodeError if fault == "crash" else DataError
    with pytest.raises(kind, match=rf"environment {COUNTING} {said}"):
        for _ in range(4):
            data.step(np.array([0]))
        data.check()


def test_an_episode_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netyard.data.environments.episodes._ENDLESS", 50)
    with pytest.raises(DataError, match=rf"{COUNTING} has not ended .* 50 steps.*max_episode_steps=1000"):
        experience(options={"fault": "endless"}).run_episodes(nothing, TEST, [0, 1])
    assert experience(options={"fault": "endless"}, max_episode_steps=9).run_episodes(nothing, TEST, [0])[0][1] == 9


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"num_envs": 5}, r"must be a multiple"),
        ({"replay_device": "moon"}, r"try data\.replay_device=training"),
        ({"augmentation": object()}, r"try augmentation=none"),
    ],
)
def test_numbers_that_do_not_go_together(keys: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        experience(**keys)


def test_an_observation_that_is_no_array_becomes_one() -> None:
    assert experience(CORRIDOR).facts().items() >= {"input_shape": [5], "num_actions": 2}.items()
    made = create.make(CORRIDOR)
    made = create.arrange(made, layout_of(CORRIDOR, made.observation_space, 2))
    assert made.reset(seed=0)[0].sum() == 1
    pictures = create.make(COUNTING, {"shape": (20, 24, 3)})
    layout = layout_of(COUNTING, pictures.observation_space, 2)
    environments = VectorEnvironment("x", [create.arrange(pictures, layout)])
    assert environments.frame_shape == (3, 20, 24) and environments.dtype == np.uint8
    environments.reset(0, 0)
    assert environments.step(0, 1).frame.shape == (3, 20, 24)


def test_actions_may_begin_elsewhere() -> None:
    class Shifted(gym.Wrapper):
        action_space = spaces.Discrete(2, start=5)

        def step(self, action: int):
            assert 5 <= action < 7
            return self.env.step(action - 5)

    made = create.adapt(Shifted(create.make(COUNTING)), "x")
    made.reset(seed=0)
    assert made.step(1)[1] == 11.0


def test_an_episode_is_drawn() -> None:
    frames, total = experience(options={"length": 5}).record_episode(nothing, every=2)
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 2, 4, 5] and total == 150.0


ENVIRONMENTS = [
    name for name in catalog.options("data") if "experience" in catalog.option_file("data", name)["_target_"]
]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_facts_are_those_of_the_environment(name: str) -> None:
    node = catalog.option_file("data", name)
    if node["num_actions"] is None:
        pytest.skip("only the environment itself knows")
    cfg, _ = compose([f"data={name}"])
    data = Experience(id=cfg.data.id, options=cfg.data.options, frame_stack=cfg.data.frame_stack)
    try:
        facts = data.facts()
        assert facts["input_shape"] == list(cfg.data.input_shape) and facts["num_actions"] == cfg.data.num_actions
    except PlatformError as missing:
        pytest.skip(str(missing))
