"""``debug=lr_finder``: a learning rate range test in one short training (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

import logging
import math
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from lightning import Callback, LightningModule, Trainer

from netyard.errors import ArgumentError, ConfigError
from netyard.plots import figure
from netyard.plots.dashboard import show_plot
from netyard.plots.figure import ACCENT, GREY, colour
from netyard.ranges.bounds import Ge, Gt, Positive
from netyard.ranges.signature import check
from netyard.tasks.interfaces import SaysHowItLearns

SMOOTHING = 0.9  # decay of the exponential moving average that decides when the loss diverges
BLUR = 0.8  # decay of the symmetric mean in the plot, per step of distance
NEVER = 10**9  # epochs between validations

log = logging.getLogger(__name__)


class LearningRateFinder(Callback):
    """Multiplies the rate by the same factor at every step, from ``low`` to ``high``, and ends the run.

    It suggests the rate at which the smoothed loss falls fastest (Smith 2017, section 3.3). The plot is saved as
    ``lr_finder.png`` in the run directory and shown in TensorBoard. Afterwards the initial weights are restored.
    Lightning's own finder is not used, because it runs before a task has measured the scale of its targets.

    Args:
        low, high: range of the learning rate of the first parameter group; the others keep their ratio to it.
        num_steps: number of rates to try, one optimizer step each.
        divergence: the test ends when the smoothed loss exceeds its minimum by this factor.

    Raises:
        ArgumentError: a value is outside of its range, or ``low`` is not below ``high``.
        ConfigError: the training loss of the task does not measure progress.
    """

    def __init__(
        self,
        low: Positive = 1e-7,
        high: Positive = 10.0,
        num_steps: Annotated[int, Ge(10)] = 100,
        divergence: Annotated[float, Gt(1)] = 4.0,
    ) -> None:
        check(LearningRateFinder, locals(), "callbacks.lr_finder")
        if low >= high:
            raise ArgumentError(
                f"callbacks.lr_finder has low {low} and high {high};",
                "low must be below high;",
                "try callbacks.lr_finder.low=1e-7 callbacks.lr_finder.high=10.",
            )
        self.low, self.high, self.num_steps, self.divergence = low, high, num_steps, divergence
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._average, self._least = 0.0, math.inf

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        require_loss_shows_progress(pl_module, "lr_finder")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before = deepcopy(pl_module.state_dict())
        groups = trainer.optimizers[0].param_groups
        self._ratios = [group["lr"] / groups[0]["lr"] for group in groups]
        # Validation is postponed until the initial weights are restored: those of a diverged network say nothing.
        self._every, trainer.check_val_every_n_epoch = trainer.check_val_every_n_epoch, NEVER

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        progress = min(trainer.global_step / (self.num_steps - 1), 1.0)
        # Geometric steps: good rates differ by orders of magnitude, so the test spends as many steps on each of them.
        self._rate = self.low * (self.high / self.low) ** progress
        for group, ratio in zip(trainer.optimizers[0].param_groups, self._ratios, strict=True):
            group["lr"] = self._rate * ratio

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Lightning divides the loss by accumulate_grad_batches. By the mean over all ranks they end at the same step.
        loss = trainer.strategy.reduce(outputs["loss"].detach() * trainer.accumulate_grad_batches, reduce_op="mean")
        done = trainer.should_stop or trainer.global_step >= self.num_steps
        if not math.isfinite(float(loss)):
            return self._end(trainer, pl_module)
        self.rates.append(self._rate)
        self.losses.append(float(loss))
        # An exponential moving average with the bias correction of Adam's moments (Kingma & Ba 2015, section 3):
        # it starts at 0, which would make the first values too small.
        self._average = SMOOTHING * self._average + (1 - SMOOTHING) * float(loss)
        mean = self._average / (1 - SMOOTHING ** len(self.losses))
        self._least = min(self._least, mean)
        # Written with abs() for losses that may be negative, such as a Gaussian negative log-likelihood.
        if done or mean > self._least + (self.divergence - 1) * abs(self._least):
            self._end(trainer, pl_module)
        return None

    @property
    def smoothed(self) -> list[float]:
        """The losses, each averaged with its neighbours on both sides; clipped to the largest of the first tenth."""
        count = len(self.losses)
        # A diverged loss is thousands of times larger: unclipped it would raise the mean of the steps before it.
        ceiling = max(self.losses[: max(count // 10, 1)])
        clipped = [min(loss, ceiling) for loss in self.losses]
        # A symmetric kernel: a trailing average would shift the steepest fall to larger rates.
        weights = [[BLUR ** abs(place - other) for other in range(count)] for place in range(count)]
        return [sum(w * loss for w, loss in zip(row, clipped, strict=True)) / sum(row) for row in weights]

    @property
    def suggestion(self) -> float | None:
        """The rate at which the loss falls fastest, measured over a tenth of all rates; None if it never falls."""
        # Differences between neighbours would be dominated by the noise of single batches.
        smoothed, half = self.smoothed, max(self.num_steps // 20, 1)
        falls = {place: smoothed[place - half] - smoothed[place + half] for place in range(half, len(smoothed) - half)}
        steepest = max(falls, key=lambda place: falls[place], default=None)
        return self.rates[steepest] if steepest is not None and falls[steepest] > 0 else None

    def _end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.load_state_dict(self._before)
        trainer.should_stop, trainer.check_val_every_n_epoch = True, self._every
        if not trainer.is_global_zero or not self.rates:
            return
        found = self.suggestion
        if found is None:
            log.info("lr_finder   the loss did not fall at any rate from %.2g to %.2g", self.rates[0], self.rates[-1])
        else:
            smoothed = self.smoothed
            least = self.rates[smoothed.index(min(smoothed))]
            # Not the rate of the least loss: training is close to divergence there.
            log.info("lr_finder   try optimizer.lr=%.2g; the loss is lowest at %.2g, close to divergence", found, least)
        path = Path(trainer.default_root_dir) / "lr_finder.png"
        show_plot(trainer, "debug/lr_finder", figure.save(path, partial(self._plot, found)))

    def _plot(self, found: float | None, axes: Any) -> None:
        smoothed = self.smoothed
        axes.plot(self.rates, self.losses, color=colour(ACCENT), alpha=0.25, linewidth=1)
        axes.plot(self.rates, smoothed, color=colour(ACCENT))
        axes.set_xscale("log")
        if found is not None:
            axes.axvline(found, color=colour(GREY), linestyle="--", label=f"steepest at {found:.2g}")
            axes.legend()
        low, high = min(self.losses), max(smoothed)
        # Limits by the clipped curve: a diverged loss would flatten the rest.
        axes.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low))
        axes.set(xlabel="learning rate", ylabel="training loss")


def require_loss_shows_progress(task: Any, name: str) -> None:
    """Check that a lower training loss means a better network, and that a batch is one step.

    Raises:
        ConfigError: it does not, as in adversarial and reinforcement learning.
    """
    if isinstance(task, SaysHowItLearns) and not task.loss_shows_progress:
        raise ConfigError(
            f"debug={name} uses the training loss, and that of {type(task).__name__} does not measure progress;",
            "the loss must fall as the task learns, which is not so for GANs and agents;",
            "try -m optimizer.lr=0.0001,0.001 instead, which compares runs by task.monitor.",
        )
