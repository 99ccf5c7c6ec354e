"""``debug=lr_finder``: a learning rate range test in one short training. Smith 2017."""

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
from netyard.plots.figure import ACCENT, SOFT, colour
from netyard.ranges.bounds import Ge, Gt, Positive
from netyard.tasks.interfaces import SaysHowItLearns

SMOOTHING = 0.9  # decay of the running mean that ends the test
BLUR = 0.8  # decay of the symmetric mean in the plot
NEVER = 10**9  # epochs between validations

log = logging.getLogger(__name__)


class LearningRateFinder(Callback):
    """Multiplies the rate by the same factor at every step, from ``low`` to ``high``, and ends the run.

    It suggests the rate at which the smoothed loss falls fastest (Smith 2017, arXiv:1506.01186, section 3.3);
    the plot is ``lr_finder.png`` in the run's directory, and in the dashboard. Afterwards the network has the weights
    it had before. Lightning's own finder runs before a task has learned the scale of its targets, so it is not used.

    Args:
        low, high: of the first parameter group; the others keep their proportion to it.
        num_steps: how many rates there are.
        divergence: ends the test when the smoothed loss is so many times its least.

    Raises:
        ConfigError: the training loss of the task does not measure progress.
    """

    def __init__(
        self,
        low: Positive = 1e-7,
        high: Positive = 10.0,
        num_steps: Annotated[int, Ge(10)] = 100,
        divergence: Annotated[float, Gt(1)] = 4.0,
    ) -> None:
        if not 0 < low < high or num_steps < 10:
            raise ArgumentError(
                f"callbacks.lr_finder has low {low}, high {high} and num_steps {num_steps};",
                "low is above 0 and below high, and there are at least 10 steps;",
                "try trainer.max_steps=100.",
            )
        self.low, self.high, self.num_steps, self.divergence = low, high, num_steps, divergence
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._trailing, self._least = 0.0, math.inf

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        require_telling_loss(pl_module, "lr_finder")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before = deepcopy(pl_module.state_dict())
        groups = trainer.optimizers[0].param_groups
        self._proportions = [group["lr"] / groups[0]["lr"] for group in groups]
        # Validation is put off to the end, when the weights are those of before.
        self._every, trainer.check_val_every_n_epoch = trainer.check_val_every_n_epoch, NEVER

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        share = min(trainer.global_step / (self.num_steps - 1), 1.0)
        self._rate = self.low * (self.high / self.low) ** share
        for group, proportion in zip(trainer.optimizers[0].param_groups, self._proportions, strict=True):
            group["lr"] = self._rate * proportion

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = trainer.strategy.reduce(outputs["loss"].detach() * trainer.accumulate_grad_batches, reduce_op="mean")
        done = trainer.should_stop or trainer.global_step >= self.num_steps
        if not math.isfinite(float(loss)):
            return self._end(trainer, pl_module)
        self.rates.append(self._rate)
        self.losses.append(float(loss))
        # An exponential moving average with bias correction, as of Adam's moments.
        self._trailing = SMOOTHING * self._trailing + (1 - SMOOTHING) * float(loss)
        mean = self._trailing / (1 - SMOOTHING ** len(self.losses))
        self._least = min(self._least, mean)
        if done or mean > self._least + (self.divergence - 1) * abs(self._least):
            self._end(trainer, pl_module)
        return None

    @property
    def smoothed(self) -> list[float]:
        """The losses, each averaged with its neighbours on both sides: a one-sided mean would lag behind.

        Losses above those at the start are clipped: a diverging loss is a thousand times larger.
        """
        count = len(self.losses)
        ceiling = max(self.losses[: max(count // 10, 1)])
        cut = [min(loss, ceiling) for loss in self.losses]
        weights = [[BLUR ** abs(place - other) for other in range(count)] for place in range(count)]
        return [sum(w * loss for w, loss in zip(row, cut, strict=True)) / sum(row) for row in weights]

    @property
    def suggestion(self) -> float | None:
        """The rate of the steepest fall, over a tenth of all rates; None where the loss never fell."""
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
            log.info("lr_finder   the loss fell at no rate from %.2g to %.2g", self.rates[0], self.rates[-1])
        else:
            smoothed = self.smoothed
            least = self.rates[smoothed.index(min(smoothed))]
            log.info("lr_finder   try optimizer.lr=%.2g; at %.2g the loss is least, and soon breaks", found, least)
        path = Path(trainer.default_root_dir) / "lr_finder.png"
        show_plot(trainer, "debug/lr_finder", figure.save(path, partial(self._paint, found)))

    def _paint(self, found: float | None, axes: Any) -> None:
        smoothed = self.smoothed
        axes.plot(self.rates, self.losses, color=colour(ACCENT), alpha=0.25, linewidth=1)
        axes.plot(self.rates, smoothed, color=colour(ACCENT))
        axes.set_xscale("log")
        if found is not None:
            axes.axvline(found, color=colour(SOFT), linestyle="--", label=f"steepest at {found:.2g}")
            axes.legend()
        low, high = min(self.losses), max(smoothed)
        axes.set_ylim(
            low - 0.1 * (high - low), high + 0.5 * (high - low)
        )  # a diverging loss would flatten the rest of the curve
        axes.set(xlabel="learning rate", ylabel="training loss")


def require_telling_loss(task: Any, name: str) -> None:
    """Raises:
    ConfigError: a smaller loss is no better network, or a batch is more than one step.
    """
    if isinstance(task, SaysHowItLearns) and not task.loss_shows_progress:
        raise ConfigError(
            f"debug={name} watches the training loss, and that of {type(task).__name__} does not measure progress;",
            "it is for tasks whose loss falls as they learn: not for adversaries, and not for agents;",
            "try -m optimizer.lr=0.0001,0.001 instead, which compares by task.monitor.",
        )
