"""Deep Q-learning: the value of each action, learned from what happened when actions were tried."""

from __future__ import annotations

import copy
import inspect
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.lr_scheduler import ReduceLROnPlateau

from netyard.losses.returns import ScalarReturn
from netyard.optim import configure_optimizer
from netyard.tasks.acting import Act, interquartile_mean, quick
from netyard.tasks.bootstrapping import Bootstrap
from netyard.tasks.learner import Learner

VALIDATION, TEST = 1, 2  # whose episodes; each purpose has seeds of its own
_ACTING, _DRAWING, _NOISE = range(101, 104)  # what random numbers are for


class Valued(Protocol):
    """What the task needs of a net: (B, num_outputs), or (B, num_outputs, num_atoms) for a loss of distributions."""

    def __call__(self, x: Tensor) -> Tensor: ...


class QLearning(Learner):
    """Learns ``net(x) -> (B, num_outputs)``, the return to be had after each action, by acting. Mnih et al. 2015.

    A batch is a round of environment steps, which ``trainer.global_step``, ``trainer.max_steps`` and every x-axis
    count. After each ``collect_steps`` of them come ``collect_steps * updates_per_step`` updates, each of
    ``data.batch_size`` transitions. A truncated episode is bootstrapped from its last observation, a terminated one
    is not. What is random is a function of the seed and the step, so nothing of it has to be stored.

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
        target_every: updates from one change of the target network to the next.
        tau: how far it then goes towards the net; 1 is a copy, less is Polyak's average.
        epsilon_start, epsilon_end: share of random actions, from the one to the other ...
        epsilon_fraction: ... in this fraction of the run ...
        epsilon_schedule: ... along a straight line or exponentially.
        priority_exponent: how much the error decides what is drawn from the replay; 0: not at all
            (Schaul et al. 2015, arXiv:1511.05952).
        importance_start: how much of that bias weights correct at first; all of it at the end.

    Raises:
        ValueError: numbers that do not go together, a loss that fits neither kind, data without environments.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: int,
        double: bool = False,
        n_steps: int = 1,
        discount: float = 0.99,
        collect_steps: int = 4,
        updates_per_step: float = 0.25,
        warmup_steps: int = 500,
        target_every: int = 250,
        tau: float = 1.0,
        epsilon_start: float = 1.0,
        epsilon_end: float = 0.05,
        epsilon_fraction: float = 0.3,
        epsilon_schedule: str = "linear",
        priority_exponent: float = 0.0,
        importance_start: float = 0.4,
        monitor: str = "val/return",
        mode: str = "max",
    ) -> None:
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        self.automatic_optimization = False
        _check(collect_steps, updates_per_step, epsilon_schedule, epsilon_start, epsilon_end)
        self.loss = loss if hasattr(loss, "values") else ScalarReturn(loss)
        self.num_outputs, self.double, self.n_steps, self.discount = num_outputs, double, n_steps, discount
        self.collect_steps, self.updates_per_collection = collect_steps, round(collect_steps * updates_per_step)
        self.warmup_steps, self.target_every, self.tau = warmup_steps, target_every, tau
        self.epsilon_start, self.epsilon_end = epsilon_start, epsilon_end
        self.epsilon_fraction, self.epsilon_schedule = epsilon_fraction, epsilon_schedule
        self.priority_exponent, self.importance_start = priority_exponent, importance_start
        self.target_net = copy.deepcopy(net).requires_grad_(False)
        self._updates = 0  # before this run, or the part of it that is resumed
        self._waiting = 0  # environment steps since the last updates
        self._clip: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Observations (B, *input_shape) -> the value of each action (B, num_outputs)."""
        return self.loss.values(self.net(x))

    # Beginning

    def configure_callbacks(self) -> list[Any]:
        # Lightning refuses to clip what it does not step. Asked before it checks, the task takes that over.
        if self.trainer.accumulate_grad_batches > 1:
            raise ValueError(
                f"trainer.accumulate_grad_batches is {self.trainer.accumulate_grad_batches}; task q_learning updates "
                "with whole batches; try a larger data.batch_size."
            )
        clip = self.trainer.gradient_clip_val
        if clip is not None:
            self._clip, self.trainer.gradient_clip_val = float(clip), None
        return []

    def setup(self, stage: str) -> None:
        data, trainer = self.trainer.datamodule, self.trainer
        if not all(hasattr(data, name) for name in ("open", "step", "play")):
            raise ValueError(
                f"{type(data).__name__} has no environments; task q_learning needs data that an agent can act in; "
                "try data=cartpole."
            )
        if stage == "fit" and trainer.world_size > 1:
            raise ValueError(
                f"the trainer has {trainer.world_size} devices; task q_learning acts and learns on one; "
                "try trainer=auto."
            )
        if stage == "fit" and trainer.precision == "16-mixed":
            raise ValueError(
                "trainer.precision is 16-mixed; task q_learning scales no losses; try trainer.precision=bf16-mixed."
            )

    @property
    def steps_per_batch(self) -> int:
        """Environment steps of a round."""
        return int(self.trainer.datamodule.steps_per_batch)

    def run_steps(self) -> float:
        """Environment steps of the whole run."""
        trainer = self.trainer
        _ = trainer.estimated_stepping_batches  # makes the loaders
        steps = math.inf
        if trainer.max_epochs is not None and trainer.max_epochs >= 0:
            steps = trainer.max_epochs * trainer.num_training_batches * self.steps_per_batch
        return min(steps, trainer.max_steps) if trainer.max_steps >= 0 else steps

    def configure_optimizers(self) -> dict[str, Any]:
        self._run_steps = self.run_steps()
        if math.isinf(self._run_steps):
            raise ValueError(
                "trainer.max_epochs and trainer.max_steps are both -1; epsilon falls in a fraction of the run, which "
                "must have an end; try trainer.max_steps=50000."
            )
        kind: Any = self.optimizer.func
        closure = inspect.signature(kind.step).parameters.get("closure")
        if closure is not None and closure.default is closure.empty:
            raise ValueError(
                f"{kind.__name__} evaluates its loss several times a step; task q_learning draws a batch once; "
                "try optimizer=adam."
            )
        return configure_optimizer(
            self.net,
            self.optimizer,
            self.schedule,
            total_steps=math.ceil(self._run_steps / self.steps_per_batch),  # a step of the schedule is a round
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
        """How many there have been."""
        return self._bootstrap.updates if hasattr(self, "_bootstrap") else self._updates

    # A round

    def training_step(self, batch: tuple[Tensor], batch_idx: int) -> Tensor:
        data, step = self.trainer.datamodule, self.trainer.global_step
        begin, began, updates = step, time.perf_counter(), self.updates
        numbers = np.random.default_rng([data.seed, _ACTING, step])
        drawing = np.random.default_rng([data.seed, _DRAWING, step])
        self._generator.manual_seed((data.seed * 1_000_003 + step) * 1_000 + _NOISE)
        end = step + len(batch[0])
        if self.trainer.max_steps >= 0:
            end = min(end, self.trainer.max_steps)
        rounds = -(-(end - step) // data.num_envs)
        chance = numbers.random((rounds, data.num_envs))
        anything = numbers.integers(self.num_outputs, size=(rounds, data.num_envs))
        act = self._act()
        # The newest n transitions of each environment have no return of n steps yet.
        first_update = max(self.warmup_steps, self.n_steps * data.num_envs + 1)
        waiting = self._waiting  # an attribute of a module takes long to set
        for number in range(rounds):
            explores = chance[number] < self.epsilon(step)
            if explores.all():
                actions = anything[number]
            else:
                actions = np.where(explores, anything[number], act(data.observations))
            data.step(actions)
            step += data.num_envs
            waiting += data.num_envs
            if waiting >= self.collect_steps:
                collections, waiting = divmod(waiting, self.collect_steps)
                if self._replay.added >= first_update:
                    count = collections * self.updates_per_collection
                    self._bootstrap.learn(self._replay, count, data.batch_size, drawing, self._importance())
        self._waiting = waiting
        data.check()
        # Lightning's own counters, of steps and for the x-axis, which would have gone on by nothing and by one.
        loop = self.trainer.fit_loop.epoch_loop
        loop.manual_optimization.optim_step_progress.total.completed += step - begin
        loop._batches_that_stepped = step
        self._step_schedule()
        if (
            self.logger is not None
            and begin // self.trainer.log_every_n_steps != step // self.trainer.log_every_n_steps
        ):
            rate = (self.updates - updates) / (time.perf_counter() - began)
            self.logger.log_metrics({"train/updates_per_second": rate}, self.trainer.global_step)
        return self._record()

    def epsilon(self, step: int) -> float:
        """The share of random actions at an environment step."""
        if step < self.warmup_steps:
            return 1.0
        done = min(step / (self.epsilon_fraction * self._run_steps), 1.0) if self.epsilon_fraction > 0 else 1.0
        if self.epsilon_schedule == "exponential":
            return self.epsilon_start * (self.epsilon_end / self.epsilon_start) ** done
        return self.epsilon_start + (self.epsilon_end - self.epsilon_start) * done

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

    def on_train_epoch_end(self) -> None:
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau) and self.monitor in self.trainer.callback_metrics:
            schedule.step(self.trainer.callback_metrics[self.monitor])

    def _record(self) -> Tensor:
        """Take note of a round's updates; returns their mean loss, 0 before the first."""
        seen = self._bootstrap.seen()
        if seen is None:
            return torch.zeros((), device=self.device)
        self.means.add(seen.updates, loss=seen.loss, q_value=seen.q_value, td_error=seen.td_error)
        return seen.loss

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

    # Acting

    def _act(self) -> Act:
        """The net's choice for observations in training, with its own noise if it has some."""
        noisy, net = self._bootstrap.noisy, self.net
        net.train(noisy)
        choose = quick(net, self.loss.values, self.device)
        net.train()
        if not noisy and not any(isinstance(each, nn.Dropout | _BatchNorm) for each in net.modules()):
            return choose

        def act(observations: Any) -> Any:
            if noisy:
                net.draw_noise(self._generator)
                return choose(observations)
            net.eval()
            actions = choose(observations)
            net.train()
            return actions

        return act

    def greedy(self, observations: Any) -> Any:
        """The action the net values most for each observation (B, *input_shape), int64 (B,): NumPy in, NumPy out."""
        training = self.net.training
        self.net.eval()
        try:
            return quick(self.net, self.loss.values, self.device)(observations)
        finally:
            self.net.train(training)

    # Judging

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self._play(batch, VALIDATION)

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self._play(batch, TEST)

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self._played: list[tuple[float, int]] = []

    def on_test_start(self) -> None:
        super().on_test_start()
        self._played = []

    def _play(self, batch: Tensor, purpose: int) -> None:
        data = self.trainer.datamodule
        act = quick(self.net, self.loss.values, self.device)  # Lightning has put the net into evaluation
        self._played += data.play(act, purpose, batch.tolist())

    def on_validation_epoch_end(self) -> None:
        self._log_returns("val")
        self.means = self._training_means

    def on_test_epoch_end(self) -> None:
        self._log_returns("test")

    def _log_returns(self, stage: str) -> None:
        returns, lengths = torch.tensor(self._played, dtype=torch.float64).unbind(1)
        scores = {
            "return": returns.mean(),
            "return_std": returns.std(correction=0),
            "return_iqm": interquartile_mean(returns),
            "length": lengths.mean(),
        }
        self.log_dict({f"{stage}/{name}": value.float() for name, value in scores.items()})

    # Keeping

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["q_learning"] = {"updates": self.updates, "waiting": self._waiting}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["q_learning"]
        self._updates, self._waiting = state["updates"], state["waiting"]


def _check(
    collect_steps: int, updates_per_step: float, epsilon_schedule: str, epsilon_start: float, epsilon_end: float
) -> None:
    updates = collect_steps * updates_per_step
    if updates < 0.999 or abs(updates - round(updates)) > 1e-6:
        raise ValueError(
            f"task.collect_steps is {collect_steps} and task.updates_per_step {updates_per_step}; their product is the "
            f"updates after each collection, a whole number of at least 1; "
            f"try task.collect_steps={max(round(1 / updates_per_step), 1)}."
        )
    if epsilon_schedule not in ("linear", "exponential") or (
        epsilon_schedule == "exponential" and min(epsilon_start, epsilon_end) <= 0
    ):
        raise ValueError(
            f"task.epsilon_schedule is {epsilon_schedule!r} from {epsilon_start} to {epsilon_end}; it is linear, or "
            "exponential between two numbers above 0; try task.epsilon_schedule=linear."
        )
