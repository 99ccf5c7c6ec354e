"""A few hundred random steps before training: what an environment returns, and how its observations are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np

from netyard.data.environments.layout import Arranged, Layout, Part
from netyard.data.environments.lenient import remarks_of
from netyard.data.environments.returned import not_finite
from netyard.data.environments.vector import VectorEnvironment, episode_seed

Array = Any  # np.ndarray
STEPS = 300
_LOOK = 4  # the purpose of its episodes, beside those in ``vector``; the same for all seeds of a run
_LARGE = 5.0  # numbers up to here are learned as they are
_CODES = 32  # bytes up to here are no brightness
_MOST_ELEMENTS = 256  # that have a scale of their own; larger arrays have one
_SMALLEST_SHARE = 0.01  # of the largest number: the least deviation it is divided by


@dataclass
class FirstLook:
    """What was found."""

    layout: Layout
    masked: bool
    truncates: bool
    """Whether the environment truncated an episode by itself."""
    remarks: list[str]


class _Extent:
    """Mean, deviation and range of each element of the arrays that were added (Welford 1962)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Array = 0.0
        self.squares: Array = 0.0
        self.low: Array = np.inf
        self.high: Array = -np.inf

    def add(self, values: Array) -> None:
        values = values.astype(np.float64).reshape(-1)
        self.count += 1
        difference = values - self.mean
        self.mean = self.mean + difference / self.count
        self.squares = self.squares + difference * (values - self.mean)
        self.low, self.high = np.minimum(self.low, values), np.maximum(self.high, values)

    @property
    def top(self) -> Array:
        """The largest absolute value of each element."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


class _Watched(Layout):
    """A layout that adds what it converts to the extents of its parts."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout.id, layout.parts, layout.masked)
        self._told = layout._told
        self.extents = [_Extent() for _ in layout.parts]

    def convert(self, observation: Any) -> Array:
        for part, values in self.numbers(observation):
            number = self.parts.index(part)
            if not np.isfinite(values).all():
                raise not_finite(self.id, "observation", "NaN or infinite")
            self.extents[number].add(values)
        return super().convert(observation)


def look(id: str, environment: gym.Env[Any, Any], layout: Layout, scaling: bool = True) -> FirstLook:
    """Take random valid actions, and choose the scale of each part of the observations.

    Raises:
        DataError: the environment returns what cannot be learned from.
        ForeignCodeError: its own code fails.
    """
    watched = _Watched(layout)
    rng = np.random.default_rng(0)
    envs = VectorEnvironment(id, [Arranged(environment, watched)])
    envs.reset(0, episode_seed(0, _LOOK, 0, 0))
    ends, truncates = 0, False
    for _ in range(STEPS):
        valid = np.arange(envs.num_actions) if envs.masks is None else np.flatnonzero(envs.masks[0])
        result = envs.step(0, int(rng.choice(valid)))
        if result.reward - result.reward != 0.0:  # NaN or infinite
            raise not_finite(id, "reward", result.reward)
        if result.terminated or result.truncated:
            ends, truncates = ends + 1, truncates or result.truncated
            envs.reset(0, episode_seed(0, _LOOK, 0, ends))
    remarks = list(remarks_of(environment))
    parts = []
    for part, extent in zip(layout.parts, watched.extents, strict=True):
        if part.kind != "one_hot":
            low, high = float(np.min(extent.low)), float(np.max(extent.high))
            if low < part.low or high > part.high:
                layout.tell_outside(part, low if low < part.low else high)
            part = _scale(part, extent, remarks) if scaling else part
        parts.append(part)
    if len(parts) > 1:
        vector = Layout(id, parts).shape[0]
        remarks += [
            f"{part.name} of shape {tuple(part.shape)} is part of a vector of {vector:,} numbers, without convolutions"
            for part in parts
            if part.kind == "numbers" and part.size > 1_000
        ]
    if envs.masks is not None:
        remarks.append("only valid actions are chosen, by its action masks")
    return FirstLook(Layout(id, parts, layout.masked), envs.masks is not None, truncates, remarks)


def _scale(part: Part, extent: _Extent, remarks: list[str]) -> Part:
    """A part with the mean and deviation that its numbers need; a remark says why."""
    top, largest = extent.top, float(np.max(extent.top))
    if (part.low, part.high) == (0, 255) and (part.kind == "picture" or part.mean is not None):
        if not 0 < largest <= _CODES:
            pixels = part.dtype == "uint8"  # stored as they are, and divided by the network
            return part if pixels or largest <= 1 else replace(part, mean=[0.0], std=[255.0])
        if part.dtype == "uint8" or part.mean is not None:
            remarks.append(f"{part.name} has values up to {largest:g} of 255: taken as codes, not as brightness")
        scale = {"mean": [0.0], "std": [largest]} if largest > _LARGE else {"mean": None, "std": None}
        return replace(part, dtype="float32", **scale)
    if part.dtype != "float32" or largest <= _LARGE:
        return part
    remarks.append(
        f"{part.name} has values up to {largest:.3g}: scaled by mean and deviation of {STEPS} random steps"
        " (data.scaling=none leaves them)"
    )
    deviation: Array = np.sqrt(extent.squares / extent.count)
    if len(top) > _MOST_ELEMENTS or part.kind == "picture":
        centre = float(np.mean(extent.mean))
        spread = float(np.sqrt(np.mean(deviation**2 + (extent.mean - centre) ** 2)))
        return replace(part, mean=[centre], std=[max(spread, _SMALLEST_SHARE * largest)])
    # A number that never changed may do so later: its own size is the only scale that is known.
    deviation = np.where(deviation > 0, np.maximum(deviation, _SMALLEST_SHARE * top), top)
    large = top > _LARGE
    mean, std = np.where(large, extent.mean, 0.0), np.where(large, deviation, 1.0)
    return replace(part, mean=_short(mean), std=_short(std))


def _short(values: Array) -> list[float]:
    """Numbers of six digits, for a config that people read."""
    return [float(f"{value:.6g}") for value in values]


def restored(layout: Layout, recorded: Sequence[Any]) -> Layout | None:
    """The layout with the recorded scales; None if the environment's observations have other parts."""
    if len(recorded) != len(layout.parts):
        return None
    parts = []
    for part, saved in zip(layout.parts, recorded, strict=True):
        plain = {name: saved.get(name) for name in ("dtype", "mean", "std")}
        found = replace(part, **plain)
        if found.record() != {**found.record(), **dict(saved)}:
            return None
        parts.append(found)
    return Layout(layout.id, parts, layout.masked)
