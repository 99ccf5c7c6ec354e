"""A replay memory in preallocated arrays: each frame is stored once, and transitions are assembled when sampled.

Every environment has its own ring buffer. A row holds a frame and the action taken there. The last frame of an episode
has a row too, without an action, so that a truncated episode can be bootstrapped from it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from netyard.data.environments.frame_memory import allocate, refuse_if_too_large, row_bytes
from netyard.data.environments.priorities import Priorities
from netyard.errors import ConfigError

Array = Any  # np.ndarray
GOES_ON, TERMINATED, TRUNCATED = range(3)
_SMALLEST_PRIORITY = 1e-6


class Transitions(NamedTuple):
    """A batch of transitions, or several: a dimension may precede B."""

    observation: Tensor  # (B, *shape), as stored
    action: Tensor  # int64 (B,)
    reward: Tensor  # (B,), the discounted sum of n rewards
    discount: Tensor  # (B,), the factor of the value of next_observation; 0 where the episode terminated
    next_observation: Tensor  # (B, *shape)
    weight: Tensor | None  # (B,), importance weights; None where sampling is uniform
    row: Array  # int64 (B,), where each is in the replay
    next_mask: Tensor | None = None  # bool (B, num_actions), the valid actions of next_observation; None: all are


class Replay:
    """The last ``size`` rows of experience in ``num_environments`` ring buffers.

    Args:
        size: rows of all ring buffers together.
        shape: of a frame.
        dtype: of a frame.
        frame_stack: frames in an observation.
        n_steps: rewards in a return (Sutton 1988); fewer at the end of an episode.
        discount: of each step.
        prioritized: whether ``sample`` follows the priorities (Schaul et al. 2015, arXiv:1511.05952).
        device: of the frames.
        file: a memory-mapped file that holds the frames instead.

    Raises:
        ConfigError: fewer rows than a ring buffer needs.
        PlatformError: not enough memory or disk; the message says what fits.
    """

    def __init__(
        self,
        size: int,
        num_environments: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        frame_stack: int = 1,
        n_steps: int = 1,
        discount: float = 0.99,
        prioritized: bool = False,
        device: torch.device | str = "cpu",
        file: str | None = None,
    ) -> None:
        self.rows = size // num_environments
        if self.rows < n_steps + frame_stack + 2:
            raise ConfigError(
                f"data.replay_size is {size} for {num_environments} environment(s);",
                f"each needs {n_steps + frame_stack + 2} rows at least;",
                f"try data.replay_size={max(10_000, num_environments * 1_000)}.",
            )
        total = self.rows * num_environments
        refuse_if_too_large(size, row_bytes(shape, dtype, prioritized), torch.device(device), file)
        self.shape, self.frame_stack, self.n_steps = shape, frame_stack, n_steps
        self.num_environments = num_environments
        self.frames = allocate((total, *shape), dtype, torch.device(device), file)
        # Writing a frame through NumPy takes a fraction of the time of indexing a tensor; on a GPU there is no view.
        self._view = self.frames.numpy() if self.frames.device.type == "cpu" else None
        self.actions = np.zeros(total, np.int64)
        self.rewards = np.zeros(total, np.float32)
        self.endings = np.zeros(total, np.uint8)
        # Whether an action was taken there: False for the last frame of an episode, and for the present one.
        self.played = np.zeros(total, np.bool_)
        self.ages = np.zeros(total, np.uint8)  # frames of the same episode before this one, at most frame_stack - 1
        self.masks: Array | None = None  # bool (total, num_actions): the valid actions at a row's frame
        self.cursors = [-1] * num_environments  # the row of each environment's latest frame
        self.written = [0] * num_environments
        self.added = 0
        self.priorities = Priorities(total) if prioritized else None
        self.largest_priority = 1.0
        self._powers = [discount**power for power in range(n_steps + 1)]
        self._one_step = np.array([discount, 0.0, discount], np.float32)

    def __len__(self) -> int:
        """The number of stored transitions."""
        return int(self.played.sum())

    # Writing

    def begin(self, index: int, frame: Array, mask: Array | None = None) -> None:
        """Store the first frame of an episode, and which actions are valid there."""
        self._advance(index, frame, mask, age=0)

    def add(self, index: int, action: int, reward: float, ending: int, frame: Array, mask: Array | None = None) -> None:
        """Store an action, its reward and the next frame; ``ending`` is GOES_ON, TERMINATED or TRUNCATED."""
        row = self.cursors[index]
        self.actions[row], self.rewards[row], self.endings[row] = action, reward, ending
        self.played[row] = True
        if self.priorities is not None:
            # A new transition has the largest priority, so that it is sampled at least once soon.
            self.priorities.set_one(row, self.largest_priority)
        self.added += 1
        self._advance(
            index, frame, mask, age=min(int(self.ages[row]) + 1, self.frame_stack - 1) if self.frame_stack > 1 else 0
        )

    def _advance(self, index: int, frame: Array, mask: Array | None, age: int) -> None:
        first = index * self.rows
        row = self.cursors[index] + 1
        if self.cursors[index] < 0 or row == first + self.rows:
            row = first
        self.cursors[index] = row
        self.written[index] += 1
        if self._view is not None:
            self._view[row] = frame
        else:
            self.frames[row] = torch.as_tensor(np.ascontiguousarray(frame))
        if mask is not None:
            if self.masks is None:  # what was stored before the first mask allowed all actions
                self.masks = np.ones((len(self.actions), len(mask)), np.bool_)
            self.masks[row] = mask
        if self.played[row]:  # the oldest transition is overwritten
            self.played[row] = False
            if self.priorities is not None:
                self.priorities.set_one(row, 0.0)
        self.ages[row] = age

    # Reading

    def sample(self, count: int, batch_size: int, generator: np.random.Generator, beta: float = 0.0) -> Transitions:
        """``count`` batches at once, each field (count, batch_size, ...).

        ``beta`` is the exponent of the importance weights: 0 corrects nothing, 1 the whole bias of the priorities.
        """
        if self.priorities is None:
            rows = self._uniform(count * batch_size, generator).reshape(count, batch_size)
            weight = None
        else:
            rows = self._prioritized(count * batch_size, generator).reshape(count, batch_size)
            held = self.priorities[rows]
            weight = self._on_device((held / held.min(axis=1, keepdims=True)) ** -beta).float()
        reward, discount, after = self.returns(rows)
        return Transitions(
            self.observations(rows),
            self._on_device(self.actions[rows]),
            self._on_device(reward),
            self._on_device(discount),
            self.observations(after),
            weight,
            rows,
            None if self.masks is None else self._on_device(self.masks[after]),
        )

    def _on_device(self, array: Array) -> Tensor:
        """An array as a tensor on the device of the frames."""
        tensor = torch.from_numpy(array)
        return tensor if self._view is not None else tensor.to(self.frames.device)

    def prioritize(self, rows: Array, errors: Array, exponent: float) -> None:
        """Set the priorities of transitions from their temporal-difference errors."""
        assert self.priorities is not None
        new = (np.abs(errors) + _SMALLEST_PRIORITY) ** exponent
        # Schaul et al. 2015, section 3.3: (|error| + epsilon) ** alpha; epsilon keeps it above 0.
        self.largest_priority = max(self.largest_priority, float(new.max()))
        self.priorities.set(rows, new)

    def returns(self, rows: Array) -> tuple[Array, Array, Array]:
        """For rows (...): n-step rewards, the discount of the bootstrapped value, and the row to bootstrap from."""
        if self.n_steps == 1:
            return self.rewards[rows], self._one_step[self.endings[rows]], self._after(rows)
        reward, alive = np.zeros(rows.shape, np.float32), np.ones(rows.shape, np.bool_)
        discount = np.full(rows.shape, self._powers[self.n_steps], np.float32)
        for step in range(self.n_steps):
            reward += np.where(alive, self._powers[step] * self.rewards[rows], 0.0).astype(np.float32)
            ending = self.endings[rows]
            # The value of the state after a truncation still counts, only a terminal state has the value 0.
            # An episode that ends within the n steps has its shorter return; it is frozen from here on.
            ends = alive & (ending != GOES_ON)
            discount[ends] = np.where(ending[ends] == TERMINATED, 0.0, self._powers[step + 1])
            rows = np.where(alive, self._after(rows), rows)
            alive &= ~ends
        return reward, discount, rows

    def observations(self, rows: Array) -> Tensor:
        """Stacked frames for rows (...): (..., *shape), or (..., frame_stack * C, ...)."""
        if self.frame_stack == 1:
            return self._frames_of(rows)
        offset = rows[..., None] % self.rows
        back = np.minimum(np.arange(self.frame_stack - 1, -1, -1), self.ages[rows][..., None])  # (..., frame_stack)
        history = rows[..., None] - offset + (offset - back) % self.rows
        return self._frames_of(history).flatten(rows.ndim, rows.ndim + 1)

    def _frames_of(self, rows: Array) -> Tensor:
        if self._view is not None:
            return torch.from_numpy(self._view.take(rows, axis=0))
        frames = self.frames.index_select(0, self._on_device(rows.reshape(-1)))
        return frames.view(*rows.shape, *self.shape)

    def valid(self, rows: Array) -> Array:
        """Whether the n steps and the frame stack of each row are complete; bool (B,)."""
        valid = self.played[rows]
        if self.frame_stack > 1:
            # The oldest rows of the ring have lost the frames before them to the newest.
            cursor = np.asarray(self.cursors)[rows // self.rows]
            valid = valid & ((rows - cursor - 1) % self.rows >= self.ages[rows])
        if self.n_steps > 1:
            alive = valid & (self.endings[rows] == GOES_ON)
            for _ in range(self.n_steps - 1):
                rows = self._after(rows)
                valid = valid & (~alive | self.played[rows])
                alive = alive & (self.endings[rows] == GOES_ON)
        return valid

    def _after(self, rows: Array) -> Array:
        after = rows + 1
        return np.where(after % self.rows == 0, after - self.rows, after)

    def _uniform(self, count: int, generator: np.random.Generator) -> Array:
        filled = min(max(self.written), self.rows)

        def draw(count: int) -> Array:
            rows = generator.integers(filled, size=count)
            if self.num_environments > 1:
                rows += self.rows * generator.integers(self.num_environments, size=count)
            return rows

        return self._only_valid(draw, count)

    def _prioritized(self, count: int, generator: np.random.Generator) -> Array:
        priorities = self.priorities
        assert priorities is not None
        return self._only_valid(lambda count: priorities.draw(generator.random(count)), count)

    def _only_valid(self, draw: Any, count: int) -> Array:
        """Rejection sampling: invalid rows are drawn again, so the distribution is that over the valid rows."""
        rows = draw(count)
        wrong = np.flatnonzero(~self.valid(rows))
        for _ in range(1000):
            if not len(wrong):
                return rows
            rows[wrong] = draw(len(wrong))
            wrong = wrong[~self.valid(rows[wrong])]
        raise RuntimeError("the replay contains no complete transition yet")  # a bug: the task waits until there is one

    # Checkpoints

    def state_dict(self) -> dict[str, Any]:
        """The filled rows only, as tensors and plain types."""
        filled = min(max(self.written), self.rows)

        def rows(array: Tensor) -> Tensor:
            part = array.view(self.num_environments, self.rows, *array.shape[1:])[:, :filled]
            return part.cpu() if part.is_contiguous() and filled == self.rows else part.contiguous().clone().cpu()

        state: dict[str, Any] = {name: rows(torch.from_numpy(getattr(self, name))) for name in _COLUMNS}
        state |= {"frames": rows(self.frames), "cursors": list(self.cursors), "written": list(self.written)}
        state |= {"added": self.added, "largest_priority": self.largest_priority}
        if self.masks is not None:
            state["masks"] = rows(torch.from_numpy(self.masks))
        if self.priorities is not None:
            state["priorities"] = rows(torch.from_numpy(self.priorities.values()))
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises:
        ConfigError: the checkpoint's replay has another size.
        """
        filled = state["frames"].shape[1]
        expected = (self.num_environments, min(max(state["written"]), self.rows), *self.shape)
        if tuple(state["frames"].shape) != expected or max(state["cursors"]) >= self.num_environments * self.rows:
            raise ConfigError(
                f"the checkpoint's replay has frames {tuple(state['frames'].shape)}, this run's {expected};",
                "a resumed run needs the same number of environments and the same replay size;",
                "leave data.num_envs and data.replay_size as they were.",
            )
        masks = state.get("masks")
        if masks is not None:
            self.masks = np.ones((len(self.actions), masks.shape[2]), np.bool_)
        for name in (*_COLUMNS, "frames", *(["masks"] if masks is not None else [])):
            own = getattr(self, name)
            own = own if isinstance(own, Tensor) else torch.from_numpy(own)
            own.view(self.num_environments, self.rows, *own.shape[1:])[:, :filled] = state[name].to(own.device)
        self.cursors, self.written = list(state["cursors"]), list(state["written"])
        self.added, self.largest_priority = state["added"], state["largest_priority"]
        if self.priorities is not None:
            rows = np.arange(self.rows * self.num_environments).reshape(self.num_environments, -1)[:, :filled]
            self.priorities.set(rows.reshape(-1), state["priorities"].numpy().reshape(-1))


# Names of attributes, and keys in checkpoints.
_COLUMNS = ("actions", "rewards", "endings", "played", "ages")
