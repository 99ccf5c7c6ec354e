"""Deep Q-learning: the expected return of each action, trained on an agent's own experience in an environment."""

from __future__ import annotations

import copy
import logging
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from netyard.errors import ArgumentError
from netyard.losses.returns import ScalarReturn
from netyard.optim import configure_optimizer
from netyard.ranges.bounds import Count, Gt, Index, Le, NotNegative, Positive, Unit
from netyard.ranges.signature import check
from netyard.tasks.interfaces import RemarksOnEpisodes, ValuesActions
from netyard.tasks.learner import Learner
from netyard.tasks.q_learning.acting import greedy_policy, only_valid, scores, training_policy
from netyard.tasks.q_learning.agent_loop import (
    advance,
    check_atoms,
    check_loop,
    check_optimizer,
    run_steps,
    take_over_clipping,
)
from netyard.tasks.q_learning.bootstrapping import Bootstrap, updates_per_collection
from netyard.tasks.q_learning.exploration import Exploration, RandomActions
from netyard.tasks.signature import ExportSignature, TensorSpec

log = logging.getLogger(__name__)

VALIDATION, TEST = 1, 2  # the purpose of an episode, as in data.environments.vector; each has its own seeds
# Numbers in the seeds of independent random streams: for random actions, for sampling the replay, and for noise.
_ACTING, _SAMPLING, _NOISE = range(101, 104)


class Valued(Protocol):
    """The interface of the net: (B, num_outputs), or (B, num_outputs, num_atoms) for a loss of distributions."""

    def __call__(self, x: Tensor) -> Tensor: ...


class QLearning(Learner):
    """Train ``net(x) -> (B, num_outputs)``, the expected return after each action, by acting. Mnih et al. 2015.

    A batch is a rollout of environment steps; ``trainer.global_step``, ``trainer.max_steps`` and the x-axis of all
    curves count these steps. After every ``collect_steps`` of them, ``collect_steps * updates_per_step`` updates are
    made, each with ``data.batch_size`` transitions. A truncated episode is bootstrapped from its last observation, a
    terminated one is not. Random numbers are a function of the seed and the step, so no generator state is saved.

    Logs in training ``loss``, ``q_value`` (of the actions taken), ``td_error`` (absolute), ``epsilon``, ``updates``,
    and ``return`` and ``length`` of the episodes that ended; in TensorBoard also ``updates_per_second``. Validation and
    test run the greedy policy in separate environments, and log ``return``, ``return_std``, ``return_iqm``
    (interquartile mean) and ``length``.

    Args:
        net: see ``Valued``.
        loss: of predictions and targets, with a ``reduction``; or one of distributions, see ``losses/returns.py``.
        optimizer, scheduler, monitor, mode: see ``Learner``.
        num_outputs: the number of actions.
        double: whether the net chooses the next action, and the target network evaluates it (van Hasselt et al. 2016,
            arXiv:1509.06461).
        n_steps: the number of rewards before the bootstrapped value.
        discount: the factor of each later reward.
        collect_steps, updates_per_step: see above.
        warmup_steps: environment steps with random actions before the first update.
        target_every: updates between two changes of the target network.
        tau: the weight of the net in such a change; 1 copies it, less is Polyak averaging.
        epsilon_start: the probability of a random action at the start of the run.
        epsilon_end: the same after ``epsilon_fraction`` of the run.
        epsilon_fraction: the fraction of the run during which it changes.
        epsilon_schedule: how it changes, linearly or exponentially.
        priority_exponent: exponent of the error in a transition's sampling priority; 0 samples uniformly
            (Schaul et al. 2015, arXiv:1511.05952).
        importance_start: the exponent of the importance weights at the start; it grows to 1 at the end of the run.
        masked: whether the environment has action masks, which an exported policy then takes too.

    Raises:
        ArgumentError: a value is out of its range, or contradicts another; the loss is of neither kind; the data are
            not environments.
    """

    loss_shows_progress = False  # its targets come from the target network, which changes too
    baseline_kind = "agents"

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        double: bool = False,
        n_steps: Count = 1,
        discount: Unit = 0.99,
        collect_steps: Count = 4,
        updates_per_step: Positive = 0.25,
        warmup_steps: Index = 500,
        target_every: Count = 250,
        tau: Annotated[float, Gt(0), Le(1)] = 1.0,
        epsilon_start: Unit = 1.0,
        epsilon_end: Unit = 0.05,
        epsilon_fraction: Unit = 0.3,
        epsilon_schedule: Literal["linear", "exponential"] = "linear",
        priority_exponent: NotNegative = 0.0,
        importance_start: Unit = 0.4,
        masked: bool = False,
        monitor: str = "val/return",
        mode: Literal["min", "max"] = "max",
    ) -> None:
        check(QLearning, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        self.automatic_optimization = False  # a rollout has many updates, or none while the replay fills
        self.loss = loss if isinstance(loss, ValuesActions) else ScalarReturn(loss)
        check_atoms(net, loss)
        self.num_outputs, self.double, self.n_steps, self.discount = num_outputs, double, n_steps, discount
        self.collect_steps = collect_steps
        self.updates_per_collection = updates_per_collection(collect_steps, updates_per_step)
        self.warmup_steps, self.target_every, self.tau = warmup_steps, target_every, tau
        self.exploration = Exploration(epsilon_start, epsilon_end, epsilon_fraction, epsilon_schedule, warmup_steps)
        self.priority_exponent, self.importance_start, self.masked = priority_exponent, importance_start, masked
        # A copy that changes rarely: with targets from the net itself, each update would move its own target.
        self.target_net = copy.deepcopy(net).requires_grad_(False)
        self.episodes: list[tuple[float, int]] = []  # (return, length) of each episode of a validation or test
        self._bootstrap: Any = None  # a Bootstrap, once training starts
        self._updates = 0  # of a resumed run, before it was interrupted
        self._waiting = 0  # environment steps since the last updates
        self._clip: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Observations (B, *input_shape) -> the expected return of each action (B, num_outputs)."""
        return self.loss.values(self.net(x))

    # Setup

    def configure_callbacks(self) -> list[Any]:
        # Lightning calls this before it checks its settings, one of which is changed here.
        self._clip = take_over_clipping(self.trainer)
        return []

    def setup(self, stage: str) -> None:
        check_loop(self.trainer, training=stage == "fit")

    @property
    def steps_per_batch(self) -> int:
        """The number of environment steps in a rollout."""
        return int(self.trainer.datamodule.steps_per_batch)

    def configure_optimizers(self) -> dict[str, Any]:
        self._run_steps = self.planned_steps(run_steps(self.trainer, self.steps_per_batch))
        if math.isinf(self._run_steps):
            raise ArgumentError(
                "trainer.max_epochs and trainer.max_steps are both -1;",
                "epsilon changes during a fraction of the run, so the run needs a last step;",
                "try trainer.max_steps=50000.",
            )
        check_optimizer(self.optimizer)
        return configure_optimizer(
            self.net,
            self.optimizer,
            self.schedule,
            # The learning rate changes once in each rollout.
            total_steps=math.ceil(self._run_steps / self.steps_per_batch),
            monitor=self.monitor,
        )

    def on_train_start(self) -> None:
        data = self.trainer.datamodule
        self._replay = data.open(self.n_steps, self.discount, self.priority_exponent > 0, self.device)
        self._generator = torch.Generator(self.device)
        self._bootstrap = Bootstrap(
            self.net,
            self.target_net,
            self.loss,
            self.optimizers(use_pl_optimizer=False),  # torch's own: Lightning's wrapper is slow, and counts its steps
            self.double,
            self.target_every,
            self.tau,
            self.priority_exponent,
            self._clip,
            self.trainer.precision == "32-true",  # the analytic gradient is computed without autocast
            self._generator,
            self._updates,
        )

    @property
    def updates(self) -> int:
        """The number of updates so far."""
        return self._updates if self._bootstrap is None else self._bootstrap.updates

    # Training: one rollout with its updates

    def training_step(self, batch: tuple[Tensor], batch_idx: int) -> Tensor:
        data, step = self.trainer.datamodule, self.trainer.global_step
        start_time, updates = time.perf_counter(), self.updates
        # New generators for every rollout, seeded by its first step: a resumed run continues with the same numbers.
        action_rng = np.random.default_rng([data.seed, _ACTING, step])
        sampling_rng = np.random.default_rng([data.seed, _SAMPLING, step])
        self._generator.manual_seed((data.seed * 1_000_003 + step) * 1_000 + _NOISE)
        end = step + len(batch[0])
        if self.trainer.max_steps >= 0:  # the last rollout may be shorter
            end = min(end, self.trainer.max_steps)
        steps = range(step, end, data.num_envs)  # all environments are stepped at once
        epsilons = [self.epsilon(each) for each in steps]
        random_actions = RandomActions(action_rng, epsilons, data.num_envs, self.num_outputs)
        act = training_policy(self.net, self.loss.values, self.device, self._generator)
        # The newest n transitions of each environment do not have their n-step return yet, so cannot be sampled.
        first_update = max(self.warmup_steps, self.n_steps * data.num_envs + 1)
        waiting = self._waiting  # a local variable, because setting an attribute of a module is slow
        for number in range(len(steps)):
            data.step(random_actions.actions(number, act, data.observations, data.masks))
            waiting += data.num_envs
            if waiting >= self.collect_steps:
                collections, waiting = divmod(waiting, self.collect_steps)
                if self._replay.added >= first_update:
                    count = collections * self.updates_per_collection
                    self._bootstrap.learn(self._replay, count, data.batch_size, sampling_rng, self._importance())
        self._waiting = waiting
        data.check()
        advance(self.trainer, len(steps) * data.num_envs)
        self._step_schedule()
        self._log_rate(step, (self.updates - updates) / (time.perf_counter() - start_time))
        return self._add_statistics()

    def epsilon(self, step: int) -> float:
        """Return the probability of a random action at an environment step."""
        return self.exploration.epsilon(step, self._run_steps)

    def _importance(self) -> float:
        # Linear annealing, Schaul et al. 2015, section 3.4: the bias of the priorities matters most at the end, when
        # the values converge.
        done = min(self.trainer.global_step / self._run_steps, 1.0)
        return self.importance_start + (1 - self.importance_start) * done

    def _step_schedule(self) -> None:
        schedule = self.lr_schedulers()
        if schedule is not None and not isinstance(schedule, ReduceLROnPlateau | list):
            with warnings.catch_warnings():
                # torch warns if the schedule is stepped before the optimizer; during the warm-up there is no update.
                warnings.simplefilter("ignore", UserWarning)
                schedule.step()

    def _log_rate(self, before: int, rate: float) -> None:
        """Log the speed to TensorBoard only, because it differs between identical runs."""
        every, step = self.trainer.log_every_n_steps, self.trainer.global_step
        # Whether a multiple of ``every`` is passed: a rollout advances many steps.
        if self.logger is not None and before // every != step // every:
            self.logger.log_metrics({"train/updates_per_second": rate}, step)

    def _add_statistics(self) -> Tensor:
        """Add a rollout's updates to the means, and return their mean loss; 0 before the first update."""
        statistics = self._bootstrap.statistics()
        if statistics is None:
            return torch.zeros((), device=self.device)
        self.means.add(
            statistics.updates, loss=statistics.loss, q_value=statistics.q_value, td_error=statistics.td_error
        )
        return statistics.loss

    def log_cut_epoch(self) -> None:
        finished: Any = self.trainer.datamodule.finished
        episodes = [*finished]
        super().log_cut_epoch()
        finished.extend(episodes)  # they count in the whole epoch, too

    def log_means(self, stage: str) -> None:
        if stage == "train":
            data = self.trainer.datamodule
            if data.finished:
                returns, lengths = np.array(data.finished, np.float64).T
                self.log_dict({"train/return": float(returns.mean()), "train/length": float(lengths.mean())})
                data.finished.clear()
            if self.trainer.current_epoch == 0:
                self._log_remarks(finished=False)
            self.log_dict(
                {"train/epsilon": self.epsilon(self.trainer.global_step), "train/updates": float(self.updates)}
            )
        super().log_means(stage)

    def on_train_end(self) -> None:
        super().on_train_end()
        self._log_remarks(finished=True)

    def _log_remarks(self, finished: bool) -> None:
        data = self.trainer.datamodule
        for remark in data.remarks_on_episodes(finished) if isinstance(data, RemarksOnEpisodes) else ():
            log.warning("%s", remark)

    # Evaluation

    def greedy(self, observations: Any, masks: Any = None) -> Any:
        """Return the action with the largest value for each observation: (B, *input_shape) -> int64 (B,), in NumPy.

        ``masks``, bool (B, num_outputs), are the valid actions.
        """
        training = self.net.training
        self.net.eval()
        try:
            return greedy_policy(self.net, self.loss.values, self.device)(observations, masks)
        finally:
            self.net.train(training)

    def export_signature(self) -> ExportSignature:
        """Return the signature of the value of each action, without noise; with action masks also of the action."""
        parts = nn.ModuleList([self.net, self.loss])
        observation = TensorSpec("observation", "as the environment returns it")
        outputs = [TensorSpec("q_values", f"(batch, {self.num_outputs}), the expected return of each action")]

        def value(observation: Tensor) -> Tensor:
            return self.loss.values(self.net(observation))

        if not self.masked:
            return ExportSignature(parts, value, [observation], outputs)

        def choice(observation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
            values = value(observation)
            return values, only_valid(values, mask).argmax(dim=1)

        mask = TensorSpec("action_mask", f"bool (batch, {self.num_outputs}), whether each action is valid")
        outputs.append(TensorSpec("action", "(batch,), the number of the valid action with the largest value"))
        return ExportSignature(
            parts, choice, [observation, mask], outputs, more_inputs=partial(_example_masks, self.num_outputs)
        )

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self._evaluate_episodes(batch, VALIDATION)

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self._evaluate_episodes(batch, TEST)

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self.episodes = []

    def on_test_start(self) -> None:
        super().on_test_start()
        self.episodes = []

    def _evaluate_episodes(self, batch: Tensor, purpose: int) -> None:
        data = self.trainer.datamodule
        act = greedy_policy(self.net, self.loss.values, self.device)  # Lightning has put the net into evaluation mode
        self.episodes += data.run_episodes(act, purpose, batch.tolist())

    def on_validation_epoch_end(self) -> None:
        # Not super(), which logs means over batches: these metrics are over episodes.
        self._log_returns("val")
        self.means = self._training_means

    def on_test_epoch_end(self) -> None:
        self._log_returns("test")

    def _log_returns(self, stage: str) -> None:
        self.log_dict({f"{stage}/{name}": value for name, value in scores(self.episodes).items()})

    def measured(self, episodes: list[tuple[float, int]]) -> dict[str, float]:
        """Return the metrics that a test has, of episodes of another policy."""
        return {name: float(value) for name, value in scores(episodes).items()}

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["q_learning"] = {"updates": self.updates, "waiting": self._waiting}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        state = checkpoint["q_learning"]
        self._updates, self._waiting = state["updates"], state["waiting"]


def _example_masks(num_actions: int, count: int) -> tuple[Tensor]:
    """Masks (count, num_actions) of one invalid action each, another in each row."""
    mask = torch.ones(count, num_actions, dtype=torch.bool)
    mask[torch.arange(count), torch.arange(count) % num_actions] = num_actions == 1
    return (mask,)
