"""A data module of Gymnasium environments: the experience for training, and the episodes for evaluation."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch

from netyard.data.environments.episodes import Policy, record_episode, run_episodes
from netyard.data.environments.replay import GOES_ON, TERMINATED, TRUNCATED, Replay
from netyard.data.environments.returned import not_finite
from netyard.data.environments.rollout import EpisodeBatches, RolloutBatches
from netyard.data.environments.source import EnvironmentSource
from netyard.data.environments.vector import (
    RENDERING,
    TEST,
    TRAINING,
    VALIDATION,
    Array,
    VectorEnvironment,
    episode_seed,
)
from netyard.errors import ConfigError
from netyard.ranges.bounds import Count, Ge, Index, Le, Seed
from netyard.ranges.signature import check

log = logging.getLogger(__name__)

_FEW_EPISODES = 10  # from which on equal returns are no chance


@dataclass(kw_only=True, eq=False, repr=False)
class Experience(EnvironmentSource):
    """An environment of Gymnasium with a few actions.

    A training batch is a rollout of ``steps_per_batch`` environment steps, taken by the task with ``step``: the loader
    yields the numbers of these steps within the epoch, int64 (steps_per_batch,), as a tuple of one. An epoch has
    ``steps_per_epoch`` steps. An evaluation batch holds the numbers of the episodes for ``run_episodes``.

    Raises:
        ConfigError: settings that contradict each other; see ``create.make`` for what it raises.
    """

    num_envs: Annotated[int, Ge(1), Le(4096)] = 1
    """Environments that training steps side by side."""
    clip_rewards: bool = False
    """Learn from the signs of the rewards; reported returns are not clipped."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        check(type(self), vars(self), "data")
        self._training_envs: VectorEnvironment | None = None
        self._evaluation_envs: VectorEnvironment | None = None
        self._replay: Replay | None = None
        self._saved: dict[str, Any] | None = None
        self._returns, self._lengths = [0.0] * self.num_envs, [0] * self.num_envs
        self._episodes = [0] * self.num_envs
        self.finished: list[tuple[float, int]] = []
        """Return and length of each training episode that ended since the task last cleared the list."""
        self._outcomes: list[float] = [0, math.inf, -math.inf]  # number of training episodes, lowest and highest return
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
                self._note_end(index)
                self._begin(index)

    def _note_end(self, index: int) -> None:
        self.finished.append((self._returns[index], self._lengths[index]))
        count, low, high = self._outcomes
        self._outcomes = [count + 1, min(low, self._returns[index]), max(high, self._returns[index])]

    def remarks_on_episodes(self, finished: bool) -> list[str]:
        """What the training episodes show to be wrong, after an epoch, or when the training is ``finished``."""
        count, low, high = self._outcomes
        if not count:
            remark = (
                f"no training episode of {self.id} has ended yet: train/return is missing, and only rewards on the way"
                " are learned from; data.max_episode_steps=N ends episodes earlier"
            )
            return [remark]
        if not finished or count < _FEW_EPISODES or low != high:
            return []
        seen = f"all {count:,.0f} training episodes of {self.id} returned {low:g}"
        if low == 0:
            more = "train longer (trainer.max_epochs), act randomly for longer (task.epsilon_fraction)"
            return [f"{seen}: no action was ever rewarded, so there was nothing to learn; {more}, or reward steps"]
        return [f"{seen}: the return does not show what is learned; the length may, or rewards that differ"]

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

    def _dtype(self) -> torch.dtype:
        return super()._dtype() if self._saved is None else self._saved["stage"]["observations"].dtype

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
            "outcomes": list(self._outcomes),
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
        self._outcomes = list(saved.get("outcomes", self._outcomes))
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
