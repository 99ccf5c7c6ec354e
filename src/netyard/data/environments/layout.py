"""How an observation of any space becomes one array: its parts, their types, shapes and scales."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from netyard.errors import ConfigError, DataError

log = logging.getLogger(__name__)

Array = Any  # np.ndarray
MASK_KEY = "action_mask"  # of PettingZoo: an entry of an observation, beside what the agent sees
SMALLEST_MAP = 3  # sides of the smallest array that a convolution of 3x3 takes
_SMALLEST_GREY = 8  # sides of a picture without a channel axis; less are tables
_SMALLEST_PLANE = 36  # sides from which a matrix of any type is a picture
_MOST_CHANNELS = 4


@dataclass
class Part:
    """One leaf of an observation space.

    ``kind`` is numbers, one_hot (of each of ``sizes``, counted from ``start``) or picture, whose channels ``axes`` puts
    first. Numbers become ``(value - mean) / std``; None leaves them as they are.
    """

    key: list[Any]
    """The keys of dictionaries, and places in tuples, that lead to it."""
    kind: Literal["numbers", "one_hot", "picture"]
    shape: list[int]
    """In the space."""
    dtype: str
    """float32, or that of a picture that is stored as it is."""
    low: float = -np.inf
    high: float = np.inf
    axes: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    mean: list[float] | None = None
    std: list[float] | None = None

    def __post_init__(self) -> None:
        # As arrays, which a step of an environment would otherwise create each time.
        self._offsets: Array = np.cumsum([0, *self.sizes[:-1]])
        self._mean = None if self.mean is None else self._spread(self.mean)
        self._std = None if self.std is None else self._spread(self.std)

    def _spread(self, values: Sequence[float]) -> Array:
        return np.asarray(values, np.float64).reshape(self.shape if len(values) > 1 else ())

    @property
    def name(self) -> str:
        return ".".join(map(str, self.key)) or "the observation"

    @property
    def size(self) -> int:
        return sum(self.sizes) if self.kind == "one_hot" else int(np.prod(self.shape))

    def record(self) -> dict[str, Any]:
        """In plain types, for a config and the metadata of an exported policy."""
        said: dict[str, Any] = {"key": self.key, "kind": self.kind, "shape": self.shape, "dtype": self.dtype}
        if self.kind == "one_hot":
            return said | {"sizes": self.sizes, "start": self.start}
        if self.axes:
            said["axes"] = self.axes
        return said if self.mean is None else said | {"mean": self.mean, "std": self.std}


class Layout:
    """The parts of an observation, and the array that they become: one picture (C, H, W), or a vector of all parts."""

    def __init__(self, id: str, parts: list[Part], masked: bool = False) -> None:
        self.id, self.parts, self.masked = id, parts, masked
        self.single = parts[0] if len(parts) == 1 and parts[0].kind == "picture" else None
        if self.single is None:
            self.shape: tuple[int, ...] = (sum(part.size for part in parts),)
            self.dtype: np.dtype[Any] = np.dtype(np.float32)
        else:
            self.shape = _put_first(np.empty(self.single.shape, np.bool_), self.single.axes).shape
            self.dtype = np.dtype(self.single.dtype if self.single.mean is None else np.float32)
        self.last_mask: Any = None
        """The action mask within the latest observation, if the observations are ``masked``."""
        self._told: set[str] = set()

    @property
    def unchanged(self) -> bool:
        """Whether an observation has its array's shape and scale already."""
        part = self.parts[0]
        if len(self.parts) > 1 or part.kind == "one_hot" or part.mean is not None:
            return False
        return tuple(part.shape) == self.shape and part.axes in ([], list(range(len(part.shape))))

    def record(self) -> list[dict[str, Any]]:
        return [part.record() for part in self.parts]

    def own(self) -> Layout:
        """The same layout for another environment; warnings are common to both."""
        return copy.copy(self)

    def convert(self, observation: Any) -> Array:
        """An observation as the network takes it.

        Raises:
            DataError: it has not the form of the observation space, or is not of numbers.
        """
        if self.masked:
            self.last_mask = observation.get(MASK_KEY) if isinstance(observation, Mapping) else None
        if self.single is not None:
            part = self.single
            found = _scaled(part, self._values(part, observation))
            return _put_first(found.astype(self.dtype, copy=False), part.axes)
        vector = np.empty(self.shape, np.float32)
        place = 0
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is refused by the check of a rollout
            for part in self.parts:
                values = self._values(part, observation)
                if part.kind == "one_hot":
                    vector[place : place + part.size] = self._one_hot(part, values)
                else:
                    vector[place : place + part.size] = _scaled(part, values).reshape(-1)
                place += part.size
        return vector

    def numbers(self, observation: Any) -> Iterator[tuple[Part, Array]]:
        """Each part that is no category, with its values as they are."""
        for part in self.parts:
            if part.kind != "one_hot":
                yield part, self._values(part, observation)

    def _values(self, part: Part, observation: Any) -> Array:
        for key in part.key:
            try:
                observation = observation[key]
            except (KeyError, IndexError, TypeError) as error:
                raise self._refused(part, f"without {part.name}") from error
        try:
            values = np.asarray(observation)
        except ValueError as error:  # lists of several lengths
            raise self._refused(part, "that is no array") from error
        if values.dtype.kind not in "biuf":
            raise self._refused(part, f"of type {type(observation).__name__}")
        if values.shape != tuple(part.shape):
            # One number where the space has one in brackets, or the reverse, is the same number.
            if values.size != 1 or int(np.prod(part.shape)) != 1:
                raise self._refused(part, f"of shape {values.shape}")
            values = values.reshape(part.shape)
        return values

    def _one_hot(self, part: Part, values: Array) -> Array:
        vector = np.zeros(part.size, np.float32)
        flat = values.reshape(-1)
        index = flat - np.asarray(part.start)
        inside = (index >= 0) & (index < np.asarray(part.sizes))
        if not inside.all():
            self.tell_outside(part, flat[~inside][0])
        chosen = np.where(inside, index, 0).astype(np.int64) + part._offsets
        vector[chosen[inside]] = 1.0
        return vector

    def tell_outside(self, part: Part, value: Any) -> None:
        """Warn once of an observation outside of its space."""
        if part.name in self._told:
            return
        self._told.add(part.name)
        if part.kind == "one_hot":
            allowed = f"{part.start[0]} to {part.start[0] + part.sizes[0] - 1}" if len(part.sizes) == 1 else "its sizes"
        else:
            allowed = f"{part.low:g} to {part.high:g}"
        log.warning(
            "environment %s returned %g in %s, outside of its observation space (%s): training continues with it",
            self.id,
            value,
            part.name,
            allowed,
        )

    def _refused(self, part: Part, what: str) -> DataError:
        where = f" in {part.name}" if part.key else ""
        return DataError(
            f"environment {self.id} returned an observation {what}{where};",
            f"its observation space has the shape {tuple(part.shape)}{where};",
            "fix the environment, or choose another with data.id=...",
        )


def layout_of(id: str, space: Any, num_actions: int) -> Layout:
    """The layout of the observations of a space.

    Raises:
        ConfigError: an observation has no fixed number of numbers, as a text or a graph.
    """
    masked = isinstance(space, spaces.Dict) and _is_mask(space.spaces.get(MASK_KEY), num_actions)
    parts = [part for part in _parts(id, space, []) if not (masked and part.key == [MASK_KEY])]
    if not parts or not sum(part.size for part in parts):
        raise ConfigError(
            f"environment {id} has the empty observation space {space};",
            "an agent needs at least one number to see;",
            "fix the environment, or choose another with data.id=...",
        )
    return Layout(id, parts if len(parts) == 1 else [_flat(part) for part in parts], masked)


def _is_mask(space: Any, num_actions: int) -> bool:
    return isinstance(space, spaces.Box | spaces.MultiBinary) and space.shape == (num_actions,)


def _flat(part: Part) -> Part:
    """A part of several: a picture is numbers, as those of a vector, in [0, 1] if its space is that of pixels."""
    if part.kind != "picture":
        return part
    pixels = (part.low, part.high) == (0, 255)
    scale: dict[str, Any] = {"mean": [0.0], "std": [255.0]} if pixels else {}
    return Part(part.key, "numbers", part.shape, "float32", part.low, part.high, **scale)


def _parts(id: str, space: Any, key: list[Any]) -> Iterator[Part]:
    if isinstance(space, spaces.Dict):
        for name, each in space.spaces.items():
            yield from _parts(id, each, [*key, name])
    elif isinstance(space, spaces.Tuple):
        for number, each in enumerate(space.spaces):
            yield from _parts(id, each, [*key, number])
    elif isinstance(space, spaces.Discrete):
        yield Part(key, "one_hot", [], "float32", sizes=[int(space.n)], start=[int(space.start)])
    elif isinstance(space, spaces.MultiDiscrete):
        sizes, start = ([int(each) for each in values.reshape(-1)] for values in (space.nvec, space.start))
        yield Part(key, "one_hot", list(space.nvec.shape), "float32", sizes=sizes, start=start)
    elif isinstance(space, spaces.MultiBinary):
        yield Part(key, "numbers", list(space.shape), "float32", 0, 1)
    elif isinstance(space, spaces.Box):
        yield _of_box(space, key)
    else:
        where = f" in {'.'.join(map(str, key))}" * bool(key)
        raise ConfigError(
            f"environment {id} has the observations {space}{where};",
            "a network needs a fixed number of numbers: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple"
            " of these;",
            "wrap it with gymnasium.wrappers.TransformObservation, or choose another with data.id=...",
        )


def _of_box(space: spaces.Box, key: list[Any]) -> Part:
    low, high = (
        float(value) for value in ((space.low.min(), space.high.max()) if space.shape else (space.low, space.high))
    )
    axes = picture_axes(space.shape, space.dtype)
    if not axes:
        return Part(key, "numbers", list(space.shape), "float32", low, high)
    # Stored as they are, a quarter of the memory: the network divides uint8 by 255, and takes bool as 0 and 1.
    compact = space.dtype == np.bool_ or (space.dtype == np.uint8 and (low, high) == (0, 255))
    return Part(key, "picture", list(space.shape), str(space.dtype) if compact else "float32", low, high, axes)


def picture_axes(shape: Sequence[int], dtype: Any) -> list[int]:
    """The axes of an array that is a picture, channels first; empty for tables and vectors.

    Four axes are a stack of pictures, whose channels are put one after another. A matrix is a picture if it is of bytes
    or of truth values, or large.
    """
    if len(shape) == 2:
        smallest = _SMALLEST_GREY if dtype in (np.uint8, np.bool_) else _SMALLEST_PLANE
        return [0, 1] if min(shape) >= smallest else []
    if len(shape) == 3:
        # The axis of the channels is the shortest, in doubt the first.
        axes = [2, 0, 1] if shape[2] < min(shape[0], shape[1]) else [0, 1, 2]
        return axes if min(shape[axis] for axis in axes[1:]) >= SMALLEST_MAP else []
    if len(shape) == 4:
        last = shape[3] <= _MOST_CHANNELS and min(shape[1:3]) > shape[3]
        axes = [0, 3, 1, 2] if last else [0, 1, 2, 3]
        return axes if min(shape[axis] for axis in axes[2:]) >= SMALLEST_MAP else []
    return []


def _put_first(values: Array, axes: Sequence[int]) -> Array:
    """A picture (C, H, W); ``axes`` are those of ``picture_axes``."""
    if not axes:
        return values
    if len(axes) == 2:
        return values[None]
    values = values.transpose(axes)
    return values if len(axes) != 4 else values.reshape(-1, *values.shape[2:])


def _scaled(part: Part, values: Array) -> Array:
    return values if part._mean is None else (values - part._mean) / part._std


class Arranged(gym.ObservationWrapper[Any, Any, Any]):
    """Shows observations in a layout."""

    def __init__(self, env: gym.Env[Any, Any], layout: Layout) -> None:
        super().__init__(env)
        self.layout = layout
        low, high = {"u": (0, 255), "b": (0, 1)}.get(layout.dtype.kind, (-np.inf, np.inf))
        self.observation_space = spaces.Box(low, high, layout.shape, layout.dtype.type)

    def observation(self, observation: Any) -> Any:
        return self.layout.convert(observation)
