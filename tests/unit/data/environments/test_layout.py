"""Observations of every kind of space become one array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from netyard.data.environments import create
from netyard.data.environments.earlier_layout import earlier_layout
from netyard.data.environments.first_look import look
from netyard.data.environments.layout import Layout, layout_of
from netyard.errors import ConfigError, DataError
from support.environments import SHOWN


def box(shape: tuple[int, ...], dtype: Any = np.float32, low: float = 0, high: float = 1) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)


PIXELS = {"dtype": np.uint8, "high": 255}


@pytest.mark.parametrize(
    ("space", "shape", "dtype"),
    [
        (box((4,)), (4,), np.float32),
        (box(()), (1,), np.float32),
        *((box((9,), kind, 0, 2), (9,), np.float32) for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8)),
        (box((2,), np.float64, -1e9, 1e9), (2,), np.float32),
        (box((9,), np.bool_), (9,), np.float32),
        (box((5, 5)), (25,), np.float32),
        (box((1, 8)), (8,), np.float32),
        (box((2, 3)), (6,), np.float32),
        (box((64, 64), **PIXELS), (1, 64, 64), np.uint8),
        (box((40, 40)), (1, 40, 40), np.float32),
        (box((9, 9), np.uint8, 0, 2), (1, 9, 9), np.float32),
        (box((7, 7, 3), **PIXELS), (3, 7, 7), np.uint8),
        (box((84, 96, 3), **PIXELS), (3, 84, 96), np.uint8),
        (box((3, 84, 96), **PIXELS), (3, 84, 96), np.uint8),
        (box((1, 84, 84), **PIXELS), (1, 84, 84), np.uint8),
        (box((10, 10, 6), np.bool_), (6, 10, 10), np.bool_),
        (box((4, 20, 24, 3), **PIXELS), (12, 20, 24), np.uint8),
        (box((4, 3, 20, 24), **PIXELS), (12, 20, 24), np.uint8),
        (box((2, 2, 2)), (8,), np.float32),
        (box((2, 2, 2, 2, 2)), (32,), np.float32),
        (spaces.MultiBinary(3), (3,), np.float32),
        (spaces.MultiBinary((2, 3)), (6,), np.float32),
        (spaces.Discrete(6, start=2), (6,), np.float32),
        (spaces.MultiDiscrete([6, 3], start=[1, 0]), (9,), np.float32),
        (spaces.MultiDiscrete([[2, 3], [4, 5]]), (14,), np.float32),
        (spaces.Dict(a=spaces.Discrete(6), b=spaces.Tuple((box((2,)), spaces.Dict(c=box((2, 2)))))), (12,), np.float32),
        (spaces.Dict(image=box((16, 16, 3), **PIXELS), speed=box((2,))), (770,), np.float32),
        (spaces.Dict(image=box((16, 16, 3), **PIXELS)), (3, 16, 16), np.uint8),
    ],
    ids=str,
)
def test_every_space_has_an_array(space: Any, shape: tuple[int, ...], dtype: Any) -> None:
    space.seed(0)
    layout = layout_of("x", space, 2)
    found = layout.convert(space.sample())
    assert layout.shape == shape == found.shape and layout.dtype == dtype == found.dtype
    assert np.isfinite(found).all()


def test_the_parts_of_a_vector_are_in_their_order() -> None:
    space = spaces.Dict(place=spaces.Discrete(3, start=1), image=box((4, 4, 3), **PIXELS), on=spaces.MultiBinary(2))
    layout = layout_of("x", space, 2)
    shown = {"place": 2, "image": np.full((4, 4, 3), 51, np.uint8), "on": np.array([0, 1])}
    found = layout.convert(shown)
    assert [part.key for part in layout.parts] == [[name] for name in space.spaces]
    expected = {"place": [0, 1, 0], "image": [np.float32(0.2)] * 48, "on": [0, 1]}
    assert found.tolist() == [each for name in space.spaces for each in expected[name]], "pixels are from 0 to 1"


def test_channels_come_first() -> None:
    image = np.arange(7 * 8 * 3, dtype=np.uint8).reshape(7, 8, 3)
    assert np.array_equal(layout_of("x", box((7, 8, 3), **PIXELS), 2).convert(image), image.transpose(2, 0, 1))
    stack = np.arange(2 * 7 * 8 * 3, dtype=np.uint8).reshape(2, 7, 8, 3)
    found = layout_of("x", box(stack.shape, **PIXELS), 2).convert(stack)
    assert np.array_equal(found[4], stack[1, :, :, 1])


@pytest.mark.parametrize(
    "space",
    [
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Text(5),
        spaces.Graph(box((2,)), None),
        spaces.Dict(a=box((2,)), b=spaces.Text(3)),
    ],
    ids=lambda space: type(space).__name__,
)
def test_a_space_without_a_fixed_number_of_numbers_is_refused(space: Any) -> None:
    with pytest.raises(ConfigError, match=r"environment pkg:X-v0 has the observations .*; a network needs .*; wrap it"):
        layout_of("pkg:X-v0", space, 2)


@pytest.mark.parametrize(
    ("space", "shown", "said"),
    [
        (
            box((3,)),
            np.zeros(4),
            r"returned an observation of shape \(4,\); its observation space has the shape \(3,\)",
        ),
        (box((3,)), None, r"of type NoneType"),
        (box((3,)), "abc", r"of type str"),
        (box((3,)), [[1], [2, 3]], r"that is no array"),
        (spaces.Dict(a=box((3,)), b=box((2,))), {"a": np.zeros(3)}, r"without b in b"),
        (spaces.Dict(a=box((3,)), b=box((2,))), np.zeros(5), r"without a"),
        (spaces.Tuple((box((3,)), box((2,)))), (np.zeros(3),), r"without 1"),
        (spaces.Discrete(3), [1, 2], r"of shape \(2,\)"),
    ],
    ids=str,
)
def test_an_observation_of_another_form_is_refused(space: Any, shown: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"environment x returned an observation {said}|environment x {said}"):
        layout_of("x", space, 2).convert(shown)


def test_one_number_may_be_in_an_array() -> None:
    assert layout_of("x", spaces.Discrete(3), 2).convert(np.array([1])).tolist() == [0, 1, 0]
    assert layout_of("x", box((1,)), 2).convert(0.5).tolist() == [0.5]
    assert layout_of("x", box((3,)), 2).convert([0, 1, 0]).tolist() == [0, 1, 0]


def test_what_is_outside_of_its_space_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    layout = layout_of("pkg:X-v0", spaces.Discrete(3, start=1), 2)
    for _ in range(3):
        assert layout.own().convert(7).tolist() == [0, 0, 0]
    assert caplog.text.count("environment pkg:X-v0 returned 7") == 1 and "(1 to 3)" in caplog.text


def test_an_earlier_run_sees_what_it_saw() -> None:
    """Matrices had a channel, small pictures were as they came, bytes were bytes."""
    for space, shape, dtype in (
        (box((5, 5)), (1, 5, 5), np.float32),
        (box((7, 7, 3), **PIXELS), (7, 7, 3), np.uint8),
        (box((9,), np.uint8, 0, 2), (9,), np.uint8),
        (box((8, 8, 3), **PIXELS), (3, 8, 8), np.uint8),
        (spaces.Dict(image=box((4, 4, 3), **PIXELS), speed=box((2,))), (50,), np.float32),
    ):
        space.seed(0)
        layout: Layout = earlier_layout("x", space, 2)
        found = layout.convert(shown := space.sample())
        assert found.shape == shape and found.dtype == dtype == layout.dtype
        if isinstance(shown, dict):
            assert found[:48].tolist() == shown["image"].reshape(-1).tolist()


@pytest.mark.parametrize(
    ("space", "scale"),
    [
        (box((4,), low=-5, high=5), (None, None)),
        (box((9,), np.uint8, 0, 2), (None, None)),
        (box((16, 16, 3), **PIXELS), (None, None)),
        (box((16, 16, 3), np.float32, 0, 255), ([0.0], [255.0])),
        (box((2,), np.float64, -1e9, 1e9), "measured"),
        (box((3,), np.int64, 0, 1000), "measured"),
    ],
    ids=str,
)
def test_only_large_numbers_are_scaled(space: Any, scale: Any) -> None:
    environment = create.make(SHOWN, {"space": space})
    found = look("x", environment, layout_of("x", environment.observation_space, 2))
    part = found.layout.parts[0]
    if scale == "measured":
        assert any("scaled by mean and deviation" in remark for remark in found.remarks)
        values = np.stack([found.layout.convert(space.sample()) for _ in range(300)])
        assert np.abs(values.mean(axis=0)).max() < 0.3 and np.abs(values.std(axis=0) - 1).max() < 0.2
        untouched = look("x", environment, layout_of("x", environment.observation_space, 2), scaling=False)
        assert untouched.layout.parts[0].mean is None
    else:
        assert (part.mean, part.std) == scale and not found.remarks
