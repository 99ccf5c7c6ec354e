"""The replay against a slow, obvious one: a list of episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netyard.data.environments import frame_memory
from netyard.data.environments.priorities import Priorities
from netyard.data.environments.replay import GOES_ON, TERMINATED, TRUNCATED, Replay
from netyard.errors import ConfigError, PlatformError

FLOAT = np.dtype(np.float32)


class Obvious:
    """Episodes as lists; every return is added up by hand."""

    def __init__(self, n_steps: int, discount: float, frame_stack: int) -> None:
        self.n_steps, self.discount, self.frame_stack = n_steps, discount, frame_stack
        self.episodes: list[dict[str, list[Any]]] = []

    def begin(self, frame: float) -> dict[str, list[Any]]:
        self.episodes.append({"frames": [frame], "actions": [], "rewards": [], "endings": []})
        return self.episodes[-1]

    def transitions(self) -> dict[float, tuple[Any, ...]]:
        """By its first frame: stack, action, return, discount, next stack."""
        found = {}
        for episode in self.episodes:
            for start in range(len(episode["actions"])):
                total, stop = 0.0, start
                while stop < start + self.n_steps and stop < len(episode["actions"]):
                    total += self.discount ** (stop - start) * episode["rewards"][stop]
                    stop += 1
                    if episode["endings"][stop - 1] != GOES_ON:
                        break
                ended = episode["endings"][stop - 1] != GOES_ON
                if stop - start < self.n_steps and not ended:
                    continue  # the future is not known yet
                terminated = episode["endings"][stop - 1] == TERMINATED
                found[episode["frames"][start]] = (
                    self.stack(episode, start),
                    episode["actions"][start],
                    total,
                    0.0 if terminated else self.discount ** (stop - start),
                    self.stack(episode, stop),
                )
        return found

    def stack(self, episode: dict[str, list[Any]], place: int) -> list[float]:
        return [episode["frames"][max(place - back, 0)] for back in range(self.frame_stack - 1, -1, -1)]


def lived(replay: Replay, obvious: Obvious, steps: int, seed: int = 0) -> None:
    """Fill both alike, with episodes of random lengths and kinds of ending in every environment."""
    rng, number = np.random.default_rng(seed), 0.0
    now: list[dict[str, list[Any]]] = []

    def frame() -> float:
        nonlocal number
        number += 1
        return number

    for place in range(replay.num_environments):
        now.append(obvious.begin(frame()))
        replay.begin(place, np.full(replay.shape, now[place]["frames"][0]))
    for _ in range(steps):
        for place in range(replay.num_environments):
            ending = int(rng.choice([GOES_ON, TERMINATED, TRUNCATED], p=[0.8, 0.1, 0.1]))
            action, reward = int(rng.integers(4)), float(rng.integers(9))
            episode = now[place]
            episode["actions"].append(action)
            episode["rewards"].append(reward)
            episode["endings"].append(ending)
            episode["frames"].append(frame())
            replay.add(place, action, reward, ending, np.full(replay.shape, episode["frames"][-1]))
            if ending != GOES_ON:
                now[place] = obvious.begin(frame())
                replay.begin(place, np.full(replay.shape, now[place]["frames"][0]))


@pytest.mark.parametrize("steps", [12, 200], ids=["young", "overwritten"])
@pytest.mark.parametrize("num_environments", [1, 3])
@pytest.mark.parametrize("frame_stack", [1, 4])
@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("prioritized", [False, True])
def test_what_is_drawn_is_what_happened(
    steps: int, num_environments: int, frame_stack: int, n_steps: int, prioritized: bool
) -> None:
    shape = (1, 2) if frame_stack > 1 else (1,)
    replay = Replay(60 * num_environments, num_environments, shape, FLOAT, frame_stack, n_steps, 0.9, prioritized)
    obvious = Obvious(n_steps, 0.9, frame_stack)
    lived(replay, obvious, steps)
    known = obvious.transitions()
    batch = replay.sample(2, 200, np.random.default_rng(0), beta=1.0)
    for field in range(2):
        stacks, afters = (
            each[field].flatten(1).view(200, frame_stack, -1)[:, :, 0].tolist()
            for each in (batch.observation, batch.next_observation)
        )
        for row in range(200):
            expected = known[stacks[row][-1]]
            assert stacks[row] == expected[0] and afters[row] == expected[4]
            assert int(batch.action[field, row]) == expected[1]
            assert float(batch.reward[field, row]) == pytest.approx(expected[2], rel=1e-6)
            assert float(batch.discount[field, row]) == pytest.approx(expected[3], rel=1e-6)
    # Nothing that is still there is left out. Rows whose stack or whose future is cut off are not there.
    rows = np.arange(replay.rows * num_environments)
    drawn = replay.sample(1, 5_000, np.random.default_rng(1), beta=1.0).row
    held = rows[replay.valid(rows)]
    assert set(drawn[0]) == set(held) and len(held) > min(steps, 40) * num_environments * 0.6
    if steps == 12:
        assert set(replay.frames.view(len(rows), -1)[torch.from_numpy(held), 0].tolist()) == set(known)


def test_all_transitions_are_drawn_alike() -> None:
    replay, obvious = Replay(30, 1, (1,), FLOAT), Obvious(1, 0.99, 1)
    lived(replay, obvious, 100)
    drawn = replay.sample(1, 30_000, np.random.default_rng(1)).row[0]
    counts = np.bincount(drawn, minlength=30)
    held = replay.valid(np.arange(30))
    assert (counts[~held] == 0).all()
    share = 30_000 / held.sum()
    assert np.abs(counts[held] - share).max() < 5 * np.sqrt(share)


def test_a_truncated_episode_is_bootstrapped_from_its_last_frame_and_a_terminated_one_is_not() -> None:
    replay = Replay(20, 1, (1,), FLOAT, discount=0.5)
    replay.begin(0, np.array([1.0]))
    replay.add(0, 0, 1.0, TRUNCATED, np.array([2.0]))
    replay.begin(0, np.array([3.0]))
    replay.add(0, 0, 1.0, TERMINATED, np.array([4.0]))
    replay.begin(0, np.array([5.0]))
    assert len(replay) == 2
    batch = replay.sample(1, 64, np.random.default_rng(0))
    found = {
        (float(first), float(after), float(discount))
        for first, after, discount in zip(
            batch.observation.flatten(), batch.next_observation.flatten(), batch.discount.flatten(), strict=True
        )
    }
    assert found == {(1.0, 2.0, 0.5), (3.0, 4.0, 0.0)}


def test_priorities_are_drawn_in_proportion_and_weights_undo_it() -> None:
    replay = Replay(20, 1, (1,), FLOAT, prioritized=True)
    replay.begin(0, np.array([0.0]))
    for number in range(1, 5):
        replay.add(0, 0, 0.0, GOES_ON, np.array([float(number)]))
    errors = np.array([0.0, 1.0, -2.0, 4.0])
    replay.prioritize(np.arange(4), errors, exponent=0.5)
    expected = (np.abs(errors) + 1e-6) ** 0.5
    assert replay.largest_priority == pytest.approx(2.0, rel=1e-5)
    batch = replay.sample(1, 40_000, np.random.default_rng(0), beta=0.5)
    counts = np.bincount(batch.row[0], minlength=20)[:4] / 40_000
    assert np.abs(counts - expected / expected.sum()).max() < 0.01
    share = expected / expected.sum()
    weights = (4 * share) ** -0.5
    seen = np.unique(batch.row[0])
    reference = weights[batch.row[0]] / weights[seen].max()
    torch.testing.assert_close(batch.weight[0], torch.tensor(reference, dtype=torch.float32))
    replay.add(0, 0, 0.0, GOES_ON, np.array([5.0]))
    assert replay.priorities[4] == replay.largest_priority, "what is new comes first"


def test_the_blocks_of_priorities_are_a_search_in_all_of_them() -> None:
    rng = np.random.default_rng(0)
    priorities, plain = Priorities(1000), np.zeros(1000)
    for _ in range(200):
        places = rng.integers(1000, size=32)
        new = rng.random(32) * (rng.random(32) < 0.9)
        priorities.set(places, new)
        plain[places] = new
        place = int(rng.integers(1000))
        priorities.set_one(place, 0.5)
        plain[place] = 0.5
    np.testing.assert_array_equal(priorities.values(), plain)
    uniform = np.append(rng.random(5000), [0.0, np.nextafter(1.0, 0.0)])
    drawn = priorities.draw(uniform)
    slow = np.searchsorted(plain.cumsum(), uniform * plain.sum(), side="right")
    assert (drawn == slow).mean() > 0.999, "but for rounding"
    assert (plain[drawn] > 0).all()
    assert priorities.total == pytest.approx(plain.sum())


@pytest.mark.parametrize("num_environments", [1, 2])
@pytest.mark.parametrize("steps", [10, 100])
def test_a_replay_comes_back_as_it_was(num_environments: int, steps: int) -> None:
    one, two = (
        Replay(50 * num_environments, num_environments, (1, 2), np.dtype(np.uint8), 3, 2, 0.9, True) for _ in range(2)
    )
    lived(one, Obvious(2, 0.9, 3), steps)
    one.prioritize(np.array([3, 4]), np.array([0.5, 7.0]), 0.6)
    state = one.state_dict()
    assert state["frames"].shape[1] <= 50 and len(state["frames"]) == num_environments
    two.load_state_dict(state)
    draws = [each.sample(2, 20, np.random.default_rng(0), 0.4) for each in (one, two)]
    for first, second in zip(*draws, strict=True):
        assert np.array_equal(np.asarray(first), np.asarray(second))
    other = Replay(20, 1, (1, 2), np.dtype(np.uint8), 3, 2, 0.9, True)
    if steps == 100:
        with pytest.raises(ConfigError, match=r"leave data\.num_envs and data\.replay_size"):
            other.load_state_dict(state)


def test_frames_are_kept_once_and_their_bytes_are_known_before() -> None:
    replay = Replay(1000, 1, (1, 84, 84), np.dtype(np.uint8), frame_stack=4)
    held = replay.frames.nbytes + sum(
        each.nbytes for each in (replay.actions, replay.rewards, replay.endings, replay.played, replay.ages)
    )
    assert held == 1000 * frame_memory.row_bytes((1, 84, 84), np.dtype(np.uint8)) < 1000 * 84 * 84 * 1.01


def test_a_replay_that_does_not_fit_is_refused_with_the_size_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_memory, "available_memory", lambda: 2**30)
    with pytest.raises(PlatformError, match=r"takes 6\.6 GiB, 1\.0 GiB are free in memory.*replay_size=121") as refused:
        Replay(1_000_000, 1, (1, 84, 84), np.dtype(np.uint8), frame_stack=4)
    size = int(str(refused.value).rpartition("=")[2].rstrip("."))
    assert size * frame_memory.row_bytes((1, 84, 84), np.dtype(np.uint8)) <= 0.8 * 2**30
    with pytest.raises(ConfigError, match=r"needs 4 rows at least"):
        Replay(3, 1, (1,), FLOAT)


def test_frames_may_live_in_a_file(tmp_path) -> None:
    replay = Replay(50, 1, (1,), FLOAT, file=str(tmp_path / "frames"))
    lived(replay, Obvious(1, 0.99, 1), 20)
    assert (tmp_path / "frames").stat().st_size == 200
    assert replay.sample(1, 8, np.random.default_rng(0)).observation.min() > 0


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("prioritized", [False, True])
def test_the_mask_of_a_transition_is_that_of_the_state_it_ends_in(n_steps: int, prioritized: bool) -> None:
    replay = Replay(40, 2, (1,), FLOAT, 1, n_steps, 0.9, prioritized)
    rng = np.random.default_rng(0)
    known: dict[float, list[bool]] = {}
    number = 0.0

    def state() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        nonlocal number
        number += 1
        mask = rng.integers(0, 2, 3).astype(bool)
        known[number] = mask.tolist()
        return np.array([number], np.float32), mask

    for place in range(2):
        replay.begin(place, *state())
    for _ in range(70):
        for place in range(2):
            ending = int(rng.choice([GOES_ON, TERMINATED, TRUNCATED], p=[0.8, 0.1, 0.1]))
            replay.add(place, 0, 1.0, ending, *state())
            if ending != GOES_ON:
                replay.begin(place, *state())
    other = Replay(40, 2, (1,), FLOAT, 1, n_steps, 0.9, prioritized)
    other.load_state_dict(replay.state_dict())
    for each in (replay, other):
        found = each.sample(1, 200, np.random.default_rng(1), beta=1.0)
        assert found.next_mask is not None and found.next_mask.shape == (1, 200, 3)
        ends = found.next_observation[0, :, 0].tolist()
        assert found.next_mask[0].tolist() == [known[end] for end in ends]


def test_a_replay_from_before_the_masks_allows_all() -> None:
    old = Replay(20, 1, (1,), FLOAT)
    old.begin(0, np.zeros(1))
    old.add(0, 1, 1.0, GOES_ON, np.ones(1))
    new = Replay(20, 1, (1,), FLOAT)
    new.load_state_dict(old.state_dict())
    assert new.sample(1, 4, np.random.default_rng(0)).next_mask is None
    new.add(0, 1, 1.0, GOES_ON, np.ones(1), np.array([False, True]))
    assert new.masks is not None and new.masks[:3].tolist() == [[True, True], [True, True], [False, True]]
