"""What a run and an exported policy record of an environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from netyard.data.environments.experience import Experience
from netyard.errors import DataError
from support.environments import MASKED, SHOWN

SCALED = spaces.Dict(kind=spaces.Discrete(3, start=1), far=spaces.Box(0, 1e6, (2,)), near=spaces.Box(-1, 1, (1,)))


def source(space: Any = None, **keys: Any) -> Experience:
    actions = keys.pop("actions", None)
    return Experience(id=SHOWN, options={"space": space, "actions": actions}, **keys)


def test_facts_of_a_run_give_the_same_observations() -> None:
    first = source(SCALED)
    facts = first.facts()
    again = source(SCALED, **facts)
    assert again.facts() == facts and not again.summary().get("remarks"), "not looked at twice"
    one, two = (each._make_environments(1) for each in (first, again))
    assert np.array_equal(one.reset(0, 7), two.reset(0, 7))
    assert np.abs(one.observations).max() < 5
    assert source(SCALED, seed=9).facts() == facts, "the scale does not depend on the seed"
    other = spaces.Dict(kind=spaces.Discrete(4, start=1), far=spaces.Box(0, 1e6, (2,)), near=spaces.Box(-1, 1, (1,)))
    with pytest.raises(DataError, match=r"are properties of the environment, not settings; .* try data=gym data\.id="):
        source(other, **facts)._make_environments(1)


@pytest.mark.parametrize("frame_stack", [1, 3])
def test_normalisation_is_that_of_the_environment(frame_stack: int) -> None:
    data = source(SCALED, frame_stack=frame_stack)
    data.facts()
    assert data.own_units
    environments = data._make_environments(1)
    scaled = environments.reset(0, 3)
    SCALED.seed(3)
    shown = SCALED.sample()
    raw = np.concatenate([[float(shown["kind"] == each) for each in (1, 2, 3)], shown["far"], shown["near"]])
    whole = torch.from_numpy(np.tile(raw, frame_stack)).float()[None]
    torch.testing.assert_close(data.normalize(whole)[0], torch.from_numpy(np.tile(scaled, frame_stack)))
    torch.testing.assert_close(data.denormalize(data.normalize(whole)), whole)
    assert source().own_units is None


def test_a_policy_says_what_its_outputs_are() -> None:
    described = source(actions=spaces.MultiDiscrete([2, 2], start=[0, 5])).describe_environment()
    assert described["environment"] == SHOWN and described["actions"] == [[0, 5], [0, 6], [1, 5], [1, 6]]
    assert Experience(id="CartPole-v1", input_shape=[4], num_actions=2).describe_environment()["actions"] == [0, 1]
    masked = Experience(id=MASKED, options={"way": "key"})
    assert masked.facts()["action_masks"]
    (part,) = masked.describe_environment()["observation_parts"]
    assert part == {"key": ["place"], "kind": "numbers", "shape": [6], "dtype": "float32"}
