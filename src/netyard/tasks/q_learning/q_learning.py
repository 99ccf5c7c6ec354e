"""Deep Q-learning: the value of each action, learned from experience in an environment."""

from __future__ import annotations

import copy
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
from netyard.tasks.interfaces import ValuesActions
from netyard.tasks.learner import Learner
from netyard.tasks.q_learning.acting import greedy_policy, scores, training_policy
from netyard.tasks.q_learning.agent_loop import advance, check_loop, check_optimizer, run_steps, take_over_clipping
from netyard.tasks.q_learning.bootstrapping import Bootstrap, updates_per_collection
from netyard.tasks.q_learning.exploration import Exploration, RandomActions
from netyard.tasks.signature import ExportSignature, TensorSpec

VALIDATION, TEST = 1, 2  # the purpose of an episode, as in data.environments.vector; each has its own seeds
_ACTING, _DRAWING, _NOISE = range(101, 104)  # separate random streams for acting, sampling the replay, and noise


class Valued(Protocol):
    """The net that the task needs: (B, num_outputs), or (B, num_outputs, num_atoms) for a loss of distributions."""

    def __call__(self, x: Tensor) -> Tensor: ...


class QLearning(Learner):
    """Learns ``net(x) -> (B, num_outputs)``, the return expected after each action, by acting. Mnih et al. 2015.

    A batch is a rollout of environment steps, which ``trainer.global_step``, ``trainer.max_steps`` and every x-axis
    count. After each ``collect_steps`` of them come ``collect_steps * updates_per_step`` updates, each of
    ``data.batch_size`` transitions. A truncated episode is bootstrapped from its last observation, a terminated one
    is not. Random numbers are a function of the seed and the step, so no generator state has to be saved.

    Logs in training ``loss``, ``q_value`` (of the actions taken), ``td_error`` (absolute), ``epsilon``, ``updates``,
    ``return`` and ``length`` of the episodes that ended; for the dashboard alone ``updates_per_second``. In validation
    and test, greedily, in environments of their own: ``return``, ``return_std``, ``return_iqm`` (interquartile mean)
    and ``length``.

    Args:
        net: see ``Valued``.
        loss: of predictions and targets, with a ``reduction``; or one of distributions, see ``losses/returns.py``.
        optimizer, scheduler, monitor, mode: see ``Learner``.
        num_outputs: the number of actions.
        double: the net chooses the next action, the target network values it (van Hasselt et al. 2016,
            arXiv:1509.06461).
        n_steps: rewards before the bootstrap.
        discount: of each step.
        collect_steps, updates_per_step: see above.
        warmup_steps: transitions, of random actions, before the first update.
        target_every: updates between two changes of the target network.
        tau: the step of such a change towards the net; 1 copies it, less is Polyak averaging.
        epsilon_start, epsilon_end: the share of random actions at both ends ...
        epsilon_fraction: ... of this fraction of the run ...
        epsilon_schedule: ... along a straight line or exponentially.
        priority_exponent: of the error in a transition's sampling priority; 0 samples uniformly
            (Schaul et al. 2015, arXiv:1511.05952).
        importance_start: the exponent of the importance weights at first; it grows to 1 at the end.

    Raises:
        ArgumentError: settings that contradict each other, a loss of neither kind, data without environments.
    """

    loss_shows_progress = False

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
        monitor: str = "val/return",
        mode: Literal["min", "max"] = "max",
    ) -> None:
        check(QLearning, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        self.automatic_optimization = False
        self.loss = loss if isinstance(loss, ValuesActions) else ScalarReturn(loss)
        self.num_outputs, self.double, self.n_steps, self.discount = num_outputs, double, n_steps, discount
        self.collect_steps = collect_steps
        self.updates_per_collection = updates_per_collection(collect_steps, updates_per_step)
        self.warmup_steps, self.target_every, self.tau = warmup_steps, target_every, tau
        self.exploration = Exploration(epsilon_start, epsilon_end, epsilon_fraction, epsilon_schedule, warmup_steps)
        self.priority_exponent, self.importance_start = priority_exponent, importance_start
        self.target_net = copy.deepcopy(net).requires_grad_(False)
        self.episodes: list[tuple[float, int]] = []  # (return, length) of the episodes of a validation or test
        self._bootstrap: Any = None  # a Bootstrap, once training starts
        self._updates = 0  # before this run, or the part of it that is resumed
        self._waiting = 0  # environment steps since the last updates
        self._clip: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Observations (B, *input_shape) -> the value of each action (B, num_outputs)."""
        return self.loss.values(self.net(x))

    # Setup

    def configure_callbacks(self) -> list[Any]:
        self._clip = take_over_clipping(self.trainer)  # before Lightning checks it
        return []

    def setup(self, stage: str) -> None:
        check_loop(self.trainer, training=stage == "fit")

    @property
    def steps_per_batch(self) -> int:
        """Environment steps of a rollout."""
        return int(self.trainer.datamodule.steps_per_batch)

    def configure_optimizers(self) -> dict[str, Any]:
        self._run_steps = run_steps(self.trainer, self.steps_per_batch)
        if math.isinf(self._run_steps):
            raise ArgumentError(
                "trainer.max_epochs and trainer.max_steps are both -1;",
                "epsilon falls in a fraction of the run, which must have an end;",
                "try trainer.max_steps=50000.",
            )
        check_optimizer(self.optimizer)
        return configure_optimizer(
            self.net,
            self.optimizer,
            self.schedule,
            total_steps=math.ceil(self._run_steps / self.steps_per_batch),  # the schedule takes one step a rollout
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
            self.optimizers(use_pl_optimizer=False),
            self.double,
            self.target_every,
            self.tau,
            self.priority_exponent,
            self._clip,
            self.trainer.precision == "32-true",
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
        began, updates = time.perf_counter(), self.updates
        numbers = np.random.default_rng([data.seed, _ACTING, step])
        drawing = np.random.default_rng([data.seed, _DRAWING, step])
        self._generator.manual_seed((data.seed * 1_000_003 + step) * 1_000 + _NOISE)
        end = step + len(batch[0])
        if self.trainer.max_steps >= 0:
            end = min(end, self.trainer.max_steps)
        ahead = range(step, end, data.num_envs)
        random_actions = RandomActions(numbers, [self.epsilon(each) for each in ahead], data.num_envs, self.num_outputs)
        act = training_policy(self.net, self.loss.values, self.device, self._generator)
        # The newest n transitions of each environment have no return of n steps yet.
        first_update = max(self.warmup_steps, self.n_steps * data.num_envs + 1)
        waiting = self._waiting  # a local variable: setting an attribute of a module is slow
        for number in range(len(ahead)):
            data.step(random_actions.actions(number, act, data.observations))
            waiting += data.num_envs
            if waiting >= self.collect_steps:
                collections, waiting = divmod(waiting, self.collect_steps)
                if self._replay.added >= first_update:
                    count = collections * self.updates_per_collection
                    self._bootstrap.learn(self._replay, count, data.batch_size, drawing, self._importance())
        self._waiting = waiting
        data.check()
        advance(self.trainer, len(ahead) * data.num_envs)
        self._step_schedule()
        self._log_rate(step, (self.updates - updates) / (time.perf_counter() - began))
        return self._add_statistics()

    def epsilon(self, step: int) -> float:
        """The share of random actions at an environment step."""
        return self.exploration.epsilon(step, self._run_steps)

    def _importance(self) -> float:
        done = min(self.trainer.global_step / self._run_steps, 1.0)
        return self.importance_start + (1 - self.importance_start) * done

    def _step_schedule(self) -> None:
        schedule = self.lr_schedulers()
        if schedule is not None and not isinstance(schedule, ReduceLROnPlateau | list):
            with warnings.catch_warnings():
                # Torch warns where no update came before; while the replay warms up there is none.
                warnings.simplefilter("ignore", UserWarning)
                schedule.step()

    def _log_rate(self, before: int, rate: float) -> None:
        """Logged to TensorBoard only, because it differs between identical runs."""
        every, step = self.trainer.log_every_n_steps, self.trainer.global_step
        if self.logger is not None and before // every != step // every:
            self.logger.log_metrics({"train/updates_per_second": rate}, step)

    def _add_statistics(self) -> Tensor:
        """Add a rollout's updates to the means; returns their mean loss, 0 before the first update."""
        statistics = self._bootstrap.statistics()
        if statistics is None:
            return torch.zeros((), device=self.device)
        self.means.add(
            statistics.updates, loss=statistics.loss, q_value=statistics.q_value, td_error=statistics.td_error
        )
        return statistics.loss

    def log_means(self, stage: str) -> None:
        if stage == "train":
            data = self.trainer.datamodule
            if data.finished:
                returns, lengths = np.array(data.finished, np.float64).T
                self.log_dict({"train/return": float(returns.mean()), "train/length": float(lengths.mean())})
                data.finished.clear()
            self.log_dict(
                {"train/epsilon": self.epsilon(self.trainer.global_step), "train/updates": float(self.updates)}
            )
        super().log_means(stage)

    # Evaluation

    def greedy(self, observations: Any) -> Any:
        """The action the net values most for each observation (B, *input_shape), int64 (B,): NumPy in, NumPy out."""
        training = self.net.training
        self.net.eval()
        try:
            return greedy_policy(self.net, self.loss.values, self.device)(observations)
        finally:
            self.net.train(training)

    def export_signature(self) -> ExportSignature:
        """The value of each action, without noise."""

        def value(observation: Tensor) -> Tensor:
            return self.loss.values(self.net(observation))

        values = TensorSpec("q_values", f"(batch, {self.num_outputs}), the return expected after each action")
        parts = nn.ModuleList([self.net, self.loss])
        return ExportSignature(parts, value, [TensorSpec("observation", "as the environment shows it")], [values])

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
        self._log_returns("val")
        self.means = self._training_means

    def on_test_epoch_end(self) -> None:
        self._log_returns("test")

    def _log_returns(self, stage: str) -> None:
        self.log_dict({f"{stage}/{name}": value for name, value in scores(self.episodes).items()})

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["q_learning"] = {"updates": self.updates, "waiting": self._waiting}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        state = checkpoint["q_learning"]
        self._updates, self._waiting = state["updates"], state["waiting"]
