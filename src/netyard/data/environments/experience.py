"""Environments as data: what an agent lives through while it trains, and the episodes that it is judged by."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import lightning as L
import numpy as np
import torch

from netyard.data.environments import create
from netyard.data.environments.episodes import Policy, not_finite, play, show
from netyard.data.environments.replay import GOES_ON, TERMINATED, TRUNCATED, Replay
from netyard.data.environments.rollout import Episodes, Rounds
from netyard.data.environments.vector import SHOWING, TEST, TRAINING, VALIDATION, Array, Stage, episode_seed
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Count, Index, Seed

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class Experience(L.LightningDataModule):
    """An environment of Gymnasium with a few actions.

    A training batch is a round of ``steps_per_batch`` environment steps that the task will take with ``step``: its
    loader yields their numbers within the epoch, int64 (steps_per_batch,), as the only member of a tuple. An epoch is
    ``steps_per_epoch`` of them. An evaluation batch is the numbers of the episodes to ``play``.

    Raises:
        ConfigError: numbers that do not go together; see ``create.make`` for what it raises.
    """

    id: str
    options: dict[str, Any] | None = None
    """Keyword arguments of the environment's constructor."""
    num_envs: Count = 1
    """Environments that training steps side by side."""
    input_shape: list[Count] | None = None
    num_actions: Count | None = None
    frame_stack: Count = 1
    """Pictures that make an observation, of which the replay keeps each once."""
    clip_rewards: bool = False
    """Learn from the rewards' signs; returns are reported as they are."""
    max_episode_steps: Count | None = None
    """An episode is truncated there. None: where the environment is registered with."""
    replay_size: Count = 50_000
    replay_device: Literal["cpu", "training"] = "cpu"
    """Where its frames are: cpu, or training for the network's device."""
    replay_file: str | None = None
    """A file that holds its frames instead, mapped into memory."""
    save_replay: bool = True
    """Whether checkpoints hold it: without, a resumed run fills it anew."""
    steps_per_batch: Count = 1_000
    steps_per_epoch: Count = 5_000
    batch_size: Count = 64
    """Transitions of an update."""
    eval_batch_size: Count | None = None
    """Episodes that are played side by side. None: all."""
    val_episodes: Count = 20
    test_episodes: Count = 100
    seed: Seed = 0
    num_workers: Index | None = 0
    augmentation: Any = None
    make: Callable[..., Any] = field(default=create.make)
    """For tests; takes what ``create.make`` takes."""

    def __post_init__(self) -> None:
        super().__init__()
        self._stage: Stage | None = None
        self._evaluation: Stage | None = None
        self._replay: Replay | None = None
        self._saved: dict[str, Any] | None = None
        self._returns, self._lengths = [0.0] * self.num_envs, [0] * self.num_envs
        self._episodes = [0] * self.num_envs
        self.finished: list[tuple[float, int]] = []
        """Return and length of the episodes that training has ended since the task last emptied it."""
        if self.steps_per_batch % self.num_envs or self.steps_per_epoch % self.steps_per_batch:
            raise ConfigError(
                f"data.steps_per_epoch is {self.steps_per_epoch}, data.steps_per_batch {self.steps_per_batch} and "
                f"data.num_envs {self.num_envs};",
                "the first must be a multiple of the second, and that of the third;",
                f"try data.steps_per_batch={100 * self.num_envs} data.steps_per_epoch={1000 * self.num_envs}.",
            )
        if self.augmentation:
            raise ConfigError(
                "an augmentation of pictures was chosen for an environment;",
                "what an agent sees is not augmented;",
                "try augmentation=none.",
            )
        if self.replay_device not in ("cpu", "training"):
            raise ConfigError(
                f"data.replay_device is {self.replay_device!r};",
                "frames are kept in main memory or on the device of the network;",
                "try data.replay_device=training.",
            )

    def facts(self) -> dict[str, Any]:
        """Shape and number of actions, which an environment has to be made for."""
        if self.input_shape is None or self.num_actions is None:
            stage = self._made(1)
            self.input_shape, self.num_actions = list(stage.observations.shape[1:]), stage.num_actions
            stage.close()
        return {"input_shape": list(self.input_shape), "num_actions": self.num_actions}

    # Training

    def open(self, n_steps: int, discount: float, prioritized: bool, device: torch.device) -> Replay:
        """Make the training environments and the replay, or bring back those of a checkpoint."""
        self._stage = self._made(self.num_envs)
        self._check_facts(self._stage)
        self._replay = Replay(
            self.replay_size,
            self.num_envs,
            self._stage.frame_shape,
            self._stage.dtype,
            self.frame_stack,
            n_steps,
            discount,
            prioritized,
            device if self.replay_device == "training" else "cpu",
            self.replay_file,
        )
        if self._saved is None:
            for place in range(self.num_envs):
                self._begin(place)
        else:
            self._restore(self._saved)
        return self._replay

    @property
    def observations(self) -> Array:
        """The latest of each training environment, (num_envs, *input_shape)."""
        assert self._stage is not None
        return self._stage.observations

    def step(self, actions: Array) -> None:
        """One step in every training environment, into the replay; an episode that ends is followed by the next."""
        stage, replay = self._stage, self._replay
        assert stage is not None and replay is not None
        for place in range(self.num_envs):
            action = int(actions[place])
            frame, reward, terminated, truncated, life_lost = stage.step(place, action)
            if reward - reward != 0.0:  # NaN or infinite
                raise not_finite(self.id, "reward", reward)
            ending = TERMINATED if terminated or life_lost else TRUNCATED if truncated else GOES_ON
            kept = float(np.sign(reward)) if self.clip_rewards else reward
            replay.add(place, action, kept, ending, frame)
            self._returns[place] += reward
            self._lengths[place] += 1
            if terminated or truncated:
                self.finished.append((self._returns[place], self._lengths[place]))
                self._begin(place)

    def check(self) -> None:
        """Raises:
        DataError: the replay holds a number that is none. Looked at once a round, for each look costs.
        """
        replay = self._replay
        assert replay is not None
        if replay.frames.is_floating_point() and not bool(torch.isfinite(replay.frames.sum())):
            raise not_finite(self.id, "observation", "NaN or infinite")

    def _begin(self, place: int) -> None:
        assert self._stage is not None and self._replay is not None
        seed = episode_seed(self.seed, TRAINING, place, self._episodes[place])
        self._replay.begin(place, self._stage.reset(place, seed))
        self._returns[place], self._lengths[place] = 0.0, 0
        self._episodes[place] += 1

    # Judging

    def play(self, policy: Policy, purpose: int, episodes: list[int]) -> list[tuple[float, int]]:
        """Whole episodes in environments of their own, side by side: the return and the length of each.

        Raises:
            DataError: one does not end.
        """
        if self._evaluation is None or len(self._evaluation) < len(episodes):
            self._evaluation = self._made(len(episodes))
            self._check_facts(self._evaluation)
        stage = self._evaluation
        return play(stage, policy, [episode_seed(self.seed, purpose, 0, episode) for episode in episodes])

    def show(self, policy: Policy, episode: int = 0, every: int = 1, limit: int = 3_000) -> tuple[list[Array], float]:
        """An episode to look at: every ``every``-th picture of its first ``limit`` steps, uint8 (H, W, 3); its return.

        Raises:
            PlatformError: drawing needs a package that is not installed.
        """
        stage = self._made(1, render=True)
        shown = show(stage, policy, episode_seed(self.seed, SHOWING, 0, episode), every, limit)
        stage.close()
        return shown

    def example_inputs(self, count: int, steps: int | None = None) -> torch.Tensor:
        """Made up: (count, *input_shape) in the type that the environment shows, always the same."""
        generator = torch.Generator().manual_seed(count)
        kind = self._dtype()
        if kind.is_floating_point:
            return torch.randn(count, *(self.input_shape or []), generator=generator, dtype=kind)
        high = 2 if kind == torch.bool else 256
        return torch.randint(high, (count, *(self.input_shape or [])), generator=generator).to(kind)

    def _dtype(self) -> torch.dtype:
        if self._saved is not None:
            return self._saved["stage"]["observations"].dtype
        stage = self._made(1)
        stage.close()
        return torch.from_numpy(stage.observations).dtype

    # Loaders

    def train_dataloader(self) -> Rounds:
        return Rounds(self.steps_per_epoch // self.steps_per_batch, self.steps_per_batch, self._position)

    def val_dataloader(self) -> Episodes:
        return Episodes(VALIDATION, self.val_episodes, self.eval_batch_size)

    def test_dataloader(self) -> Episodes:
        return Episodes(TEST, self.test_episodes, self.eval_batch_size)

    def _position(self) -> int:
        """Rounds of this epoch that are done, by the loop's own counter, which its checkpoints carry."""
        if self.trainer is None:
            return 0
        done = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed
        return done % int(self.trainer.num_training_batches)

    # Keeping

    def state_dict(self) -> dict[str, Any]:
        if self._stage is None or self._replay is None:
            return {}
        return {
            "stage": self._stage.state_dict(),
            "episodes": list(self._episodes),
            "returns": list(self._returns),
            "lengths": list(self._lengths),
            "finished": [list(each) for each in self.finished],
            "replay": self._replay.state_dict() if self.save_replay else None,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = state_dict or None

    def _restore(self, saved: dict[str, Any]) -> None:
        assert self._stage is not None and self._replay is not None
        self._episodes, self.finished = (
            list(saved["episodes"]),
            [(total, length) for total, length in saved["finished"]],
        )
        self._returns, self._lengths = list(saved["returns"]), list(saved["lengths"])
        lost = self._stage.load_state_dict(saved["stage"])
        if saved["replay"] is None:
            log.warning(
                "the checkpoint has no replay (data.save_replay=false): it is empty, and fills before updates go on"
            )
            for place in range(self.num_envs):
                first = self._stage.observations[place]
                self._replay.begin(place, first[-self._stage.frame_shape[0] :])
        else:
            self._replay.load_state_dict(saved["replay"])
        for place in lost:
            log.warning("environment %d did not play its episode again as it was: it begins a new one", place)
            self._begin(place)
        self._saved = None

    # Making

    def _made(self, count: int, render: bool = False) -> Stage:
        made = [self.make(self.id, self.options, self.max_episode_steps, render) for _ in range(count)]
        return Stage(self.id, made, self.frame_stack)

    def _check_facts(self, stage: Stage) -> None:
        shape, num_actions = list(stage.observations.shape[1:]), stage.num_actions
        if (self.input_shape and list(self.input_shape) != shape) or (self.num_actions or num_actions) != num_actions:
            raise DataError(
                f"environment {self.id} shows {shape} and has {num_actions} actions, the config says "
                f"{self.input_shape} and {self.num_actions};",
                "data.input_shape and data.num_actions are facts, not choices;",
                "leave them as the data's yaml has them.",
            )
