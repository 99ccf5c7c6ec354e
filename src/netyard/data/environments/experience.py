"""A data module of Gymnasium environments: the experience for training, and the episodes for evaluation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import lightning as L
import numpy as np
import torch

from netyard.data.environments import create
from netyard.data.environments.actions import Numbered
from netyard.data.environments.earlier_layout import earlier_layout
from netyard.data.environments.episodes import Policy, record_episode, run_episodes
from netyard.data.environments.first_look import STEPS, look, restored
from netyard.data.environments.layout import Layout, layout_of
from netyard.data.environments.lenient import is_of_library
from netyard.data.environments.replay import GOES_ON, TERMINATED, TRUNCATED, Replay
from netyard.data.environments.returned import not_finite
from netyard.data.environments.rollout import EpisodeBatches, RolloutBatches
from netyard.data.environments.vector import (
    RENDERING,
    TEST,
    TRAINING,
    VALIDATION,
    Array,
    VectorEnvironment,
    episode_seed,
)
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Count, Ge, Index, Le, Seed
from netyard.ranges.signature import check

log = logging.getLogger(__name__)

_TIME_LIMIT = 1_000  # steps of an episode, for environments without one


@dataclass(kw_only=True, eq=False, repr=False)
class Experience(L.LightningDataModule):
    """An environment of Gymnasium with a few actions.

    A training batch is a rollout of ``steps_per_batch`` environment steps, taken by the task with ``step``: the loader
    yields the numbers of these steps within the epoch, int64 (steps_per_batch,), as a tuple of one. An epoch has
    ``steps_per_epoch`` steps. An evaluation batch holds the numbers of the episodes for ``run_episodes``.

    Raises:
        ConfigError: settings that contradict each other; see ``create.make`` for what it raises.
    """

    id: str
    options: dict[str, Any] | None = None
    """Keyword arguments of the environment's constructor."""
    num_envs: Annotated[int, Ge(1), Le(4096)] = 1
    """Environments that training steps side by side."""
    input_shape: list[Count] | None = None
    num_actions: Count | None = None
    observation_parts: list[dict[str, Any]] | None = None
    """The parts of an observation and their scales, in the order of the network's input; None: as in ``conf/``."""
    action_masks: bool = False
    """Whether the environment says which actions are valid. It follows from the environment."""
    scaling: Literal["auto", "none"] = "auto"
    """auto: large numbers in observations are scaled by mean and deviation of random steps; none: as they are."""
    frame_stack: Count = 1
    """Frames that are stacked into an observation; the replay stores each frame once."""
    clip_rewards: bool = False
    """Learn from the signs of the rewards; reported returns are not clipped."""
    max_episode_steps: Count | None = None
    """An episode is truncated after so many steps. None: the limit that the environment is registered with."""
    replay_size: Count = 50_000
    replay_device: Literal["cpu", "training"] = "cpu"
    """The device of the frames: cpu, or training for the network's device."""
    replay_file: str | None = None
    """A memory-mapped file that holds the frames instead of main memory."""
    save_replay: bool = True
    """Whether checkpoints contain the replay; otherwise a resumed run fills it again."""
    steps_per_batch: Count = 1_000
    steps_per_epoch: Count = 5_000
    batch_size: Count = 64
    """Transitions in one update."""
    eval_batch_size: Count | None = None
    """Episodes that run in parallel. None: all."""
    val_episodes: Count = 20
    test_episodes: Count = 100
    seed: Seed = 0
    num_workers: Index | None = 0
    augmentation: Any = None
    make: Callable[..., Any] = field(default=create.make)
    """Creates an environment, with the arguments of ``create.make``; tests pass their own."""

    def __post_init__(self) -> None:
        super().__init__()
        check(type(self), vars(self), "data")
        self._training_envs: VectorEnvironment | None = None
        self._evaluation_envs: VectorEnvironment | None = None
        self._replay: Replay | None = None
        self._saved: dict[str, Any] | None = None
        self._layout: Layout | None = None
        self._remarks: list[str] = []
        self._returns, self._lengths = [0.0] * self.num_envs, [0] * self.num_envs
        self._episodes = [0] * self.num_envs
        self.finished: list[tuple[float, int]] = []
        """Return and length of each training episode that ended since the task last cleared the list."""
        if self.steps_per_batch % self.num_envs or self.steps_per_epoch % self.steps_per_batch:
            raise ConfigError(
                f"data.steps_per_epoch is {self.steps_per_epoch}, data.steps_per_batch {self.steps_per_batch} and "
                f"data.num_envs {self.num_envs};",
                "the first must be a multiple of the second, and that of the third;",
                f"try data.steps_per_batch={100 * self.num_envs} data.steps_per_epoch={1000 * self.num_envs}.",
            )
        if self.augmentation:
            raise ConfigError(
                "an augmentation of images was chosen for an environment;",
                "observations of an agent are not augmented;",
                "try augmentation=none.",
            )

    def facts(self) -> dict[str, Any]:
        """Shape and scales of an observation, and the number of actions; read from an environment unless known."""
        if self.input_shape is None:
            self._look()
        elif self.num_actions is None:
            environments = self._make_environments(1)
            self.num_actions = environments.num_actions
            environments.close()
        return {
            "input_shape": list(self.input_shape or []),
            "num_actions": self.num_actions,
            "observation_parts": self.observation_parts,
            "action_masks": self.action_masks,
            "max_episode_steps": self.max_episode_steps,
        }

    def _look(self) -> None:
        """Set the facts from random steps in one environment."""
        environment = self.make(self.id, self.options, self.max_episode_steps, False)
        actions = int(environment.action_space.n)
        layout = layout_of(self.id, environment.observation_space, actions)
        found = look(self.id, environment, layout, self.scaling == "auto")
        self._layout, self.action_masks, self._remarks = found.layout, found.masked, found.remarks
        self.observation_parts = found.layout.record()
        limit = None if environment.spec is None else environment.spec.max_episode_steps
        # Emulators and libraries have limits of their own, or episodes that end.
        unlimited = limit is None and self.max_episode_steps is None and not is_of_library(environment)
        if unlimited and not found.truncates:
            self.max_episode_steps = _TIME_LIMIT
            self._remarks.append(
                f"{self.id} has no time limit, and truncated no episode in {STEPS} random steps: episodes are truncated"
                f" after {_TIME_LIMIT:,} steps (data.max_episode_steps)"
            )
        if isinstance(environment, Numbered):
            self._remarks.append(f"{actions:,} actions: {environment.unwrapped.action_space}")
        environment.close()
        environments = self._make_environments(1)
        self.input_shape, self.num_actions = list(environments.observations.shape[1:]), actions
        environments.close()

    def summary(self) -> dict[str, Any]:
        """What training and evaluation run, with the keys of ``DataModule.summary``."""
        return {
            "unit": "steps and episodes",
            "splits": {
                "train": {"samples": self.steps_per_epoch, "source": f"steps of {self.id} in each epoch"},
                "val": {"samples": self.val_episodes, "source": "episodes with seeds of their own"},
                "test": {"samples": self.test_episodes, "source": "episodes with seeds of their own"},
            },
            "classes": None,
            "left_out": [],
            "duplicates": None,
            "duplicates_note": "episodes are no samples",
            **({"remarks": list(self._remarks)} if self._remarks else {}),
        }

    # Training

    def open(self, n_steps: int, discount: float, prioritized: bool, device: torch.device) -> Replay:
        """Create the training environments and the replay, or restore them from the checkpoint."""
        self._training_envs = self._make_environments(self.num_envs)
        self._check_facts(self._training_envs)
        self._replay = Replay(
            self.replay_size,
            self.num_envs,
            self._training_envs.frame_shape,
            self._training_envs.dtype,
            self.frame_stack,
            n_steps,
            discount,
            prioritized,
            device if self.replay_device == "training" else "cpu",
            self.replay_file,
        )
        if self._saved is None:
            for index in range(self.num_envs):
                self._begin(index)
        else:
            self._restore(self._saved)
        return self._replay

    @property
    def observations(self) -> Array:
        """The latest observation of each training environment, (num_envs, *input_shape)."""
        assert self._training_envs is not None
        return self._training_envs.observations

    @property
    def masks(self) -> Array | None:
        """The valid actions of each training environment, bool (num_envs, num_actions); None if there are no masks."""
        assert self._training_envs is not None
        return self._training_envs.masks

    def step(self, actions: Array) -> None:
        """Take one step in every training environment and store it in the replay; finished episodes are restarted."""
        environments, replay = self._training_envs, self._replay
        assert environments is not None and replay is not None
        for index in range(self.num_envs):
            action = int(actions[index])
            frame, reward, terminated, truncated, life_lost = environments.step(index, action)
            # NaN or infinite. A subtraction instead of math.isfinite: this line runs once per environment step.
            if reward - reward != 0.0:
                raise not_finite(self.id, "reward", reward)
            # A lost life ends the episode for the learner (no bootstrap), but the environment is not reset.
            ending = TERMINATED if terminated or life_lost else TRUNCATED if truncated else GOES_ON
            # Mnih et al. 2015: signs make one learning rate fit games of any scale of scores.
            kept = float(np.sign(reward)) if self.clip_rewards else reward
            replay.add(
                index, action, kept, ending, frame, None if environments.masks is None else environments.masks[index]
            )
            self._returns[index] += reward
            self._lengths[index] += 1
            if terminated or truncated:
                self.finished.append((self._returns[index], self._lengths[index]))
                self._begin(index)

    def check(self) -> None:
        """Raises:
        DataError: the replay contains NaN or infinity. Called once a rollout, because the check reads every frame.
        """
        replay = self._replay
        assert replay is not None
        # One sum instead of a mask as large as the replay: it is NaN or infinite if any frame is.
        if replay.frames.is_floating_point() and not bool(torch.isfinite(replay.frames.sum())):
            raise not_finite(self.id, "observation", "NaN or infinite")

    def _begin(self, index: int) -> None:
        assert self._training_envs is not None and self._replay is not None
        seed = episode_seed(self.seed, TRAINING, index, self._episodes[index])
        frame = self._training_envs.reset(index, seed)
        self._replay.begin(index, frame, self._mask(index))
        self._returns[index], self._lengths[index] = 0.0, 0
        self._episodes[index] += 1

    def _mask(self, index: int) -> Array | None:
        return None if self.masks is None else self.masks[index]

    # Evaluation

    def run_episodes(self, policy: Policy, purpose: int, episodes: list[int]) -> list[tuple[float, int]]:
        """Run whole episodes in parallel, in separate environments: the return and the length of each.

        Raises:
            DataError: an episode does not end.
        """
        # Kept between evaluations, because creating an environment may take seconds; never those of training, whose
        # episodes would be interrupted.
        if self._evaluation_envs is None or len(self._evaluation_envs) < len(episodes):
            self._evaluation_envs = self._make_environments(len(episodes))
            self._check_facts(self._evaluation_envs)
        environments = self._evaluation_envs
        return run_episodes(
            environments, policy, [episode_seed(self.seed, purpose, 0, episode) for episode in episodes]
        )

    def record_episode(
        self, policy: Policy, episode: int = 0, every: int = 1, limit: int = 3_000
    ) -> tuple[list[Array], float]:
        """Every ``every``-th frame of the first ``limit`` steps of an episode, uint8 (H, W, 3), and its return.

        Raises:
            PlatformError: rendering needs a package that is not installed.
        """
        environments = self._make_environments(1, render=True)
        recorded = record_episode(environments, policy, episode_seed(self.seed, RENDERING, 0, episode), every, limit)
        environments.close()
        return recorded

    def example_inputs(self, count: int, steps: int | None = None) -> torch.Tensor:
        """Synthetic observations (count, *input_shape) in the environment's dtype; the same at every call."""
        generator = torch.Generator().manual_seed(count)
        kind = self._dtype()
        if kind.is_floating_point:
            return torch.randn(count, *(self.input_shape or []), generator=generator, dtype=kind)
        high = 2 if kind == torch.bool else 256
        return torch.randint(high, (count, *(self.input_shape or [])), generator=generator).to(kind)

    def _dtype(self) -> torch.dtype:
        if self._saved is not None:
            return self._saved["stage"]["observations"].dtype
        environments = self._make_environments(1)
        environments.close()
        return torch.from_numpy(environments.observations).dtype

    # Loaders

    def train_dataloader(self) -> RolloutBatches:
        return RolloutBatches(self.steps_per_epoch // self.steps_per_batch, self.steps_per_batch, self._position)

    def val_dataloader(self) -> EpisodeBatches:
        return EpisodeBatches(VALIDATION, self.val_episodes, self.eval_batch_size)

    def test_dataloader(self) -> EpisodeBatches:
        return EpisodeBatches(TEST, self.test_episodes, self.eval_batch_size)

    def _position(self) -> int:
        """Batches of this epoch that are done, by the loop's own counter, which is saved in checkpoints."""
        if self.trainer is None:
            return 0
        done = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed
        return done % int(self.trainer.num_training_batches)

    # Checkpoints

    def state_dict(self) -> dict[str, Any]:
        if self._training_envs is None or self._replay is None:
            return {}
        return {  # the keys are part of the checkpoint format
            "stage": self._training_envs.state_dict(),
            "episodes": list(self._episodes),
            "returns": list(self._returns),
            "lengths": list(self._lengths),
            "finished": [list(each) for each in self.finished],
            "replay": self._replay.state_dict() if self.save_replay else None,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = state_dict or None

    def _restore(self, saved: dict[str, Any]) -> None:
        assert self._training_envs is not None and self._replay is not None
        self._episodes, self.finished = (
            list(saved["episodes"]),
            [(total, length) for total, length in saved["finished"]],
        )
        self._returns, self._lengths = list(saved["returns"]), list(saved["lengths"])
        lost = self._training_envs.load_state_dict(saved["stage"])
        if saved["replay"] is None:
            log.warning(
                "the checkpoint has no replay (data.save_replay=false): it is empty, and fills before updates continue"
            )
            for index in range(self.num_envs):
                # Of a stack of frames the newest alone: the replay stores each frame once.
                first = self._training_envs.observations[index]
                self._replay.begin(index, first[-self._training_envs.frame_shape[0] :], self._mask(index))
        else:
            self._replay.load_state_dict(saved["replay"])
        for index in lost:
            log.warning("environment %d did not reproduce its saved episode: it starts a new one", index)
            self._begin(index)
        self._saved = None

    # Creating environments

    def _make_environments(self, count: int, render: bool = False) -> VectorEnvironment:
        made = [self.make(self.id, self.options, self.max_episode_steps, render) for _ in range(count)]
        layout = self._layout = self._layout or self._known_layout(made[0])
        return VectorEnvironment(self.id, [create.arrange(each, layout.own()) for each in made], self.frame_stack)

    def _known_layout(self, environment: Any) -> Layout:
        """The layout that the facts describe."""
        space, actions = environment.observation_space, int(environment.action_space.n)
        if self.observation_parts is None:
            return earlier_layout(self.id, space, actions)
        found = restored(layout_of(self.id, space, actions), self.observation_parts)
        if found is None:
            raise self._changed(f"the observations {space}", f"{len(self.observation_parts)} other part(s)")
        return found

    def _check_facts(self, environments: VectorEnvironment) -> None:
        shape, num_actions = list(environments.observations.shape[1:]), environments.num_actions
        if (self.input_shape and list(self.input_shape) != shape) or (self.num_actions or num_actions) != num_actions:
            raise self._changed(
                f"observations {shape} and {num_actions} actions", f"{self.input_shape} and {self.num_actions}"
            )

    def _changed(self, has: str, config: str) -> DataError:
        return DataError(
            f"environment {self.id} has {has}, the config has {config};",
            "data.input_shape, data.num_actions and data.observation_parts are properties of the environment, not"
            " settings;",
            f"leave them as the data's yaml has them, or try data=gym data.id={self.id}.",
        )
