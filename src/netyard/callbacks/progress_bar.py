"""Shows the progress of a run: a live bar on a terminal and in a notebook, and one log line per epoch everywhere."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.text import Text

from netyard.callbacks.attach import RunFacts
from netyard.callbacks.notebook_bar import NotebookBar, in_notebook
from netyard.tasks.interfaces import StepsInEnvironments

log = logging.getLogger(__name__)


class Progress(Callback):
    """One bar for the whole run, in steps, with samples per second and the remaining time; one log line per epoch.

    A thread redraws the bar four times a second and reads the step count then. An update at each step would take
    longer than the step of a small network.
    """

    def __init__(self) -> None:
        self._bar: _PolledBar | None = None
        self._notebook: NotebookBar | None = None
        self._steps = self._first = self._samples = 0
        self._devices, self._began = 1, 0.0
        self._validated = False
        self._draws = True

    def attach(self, run: RunFacts) -> None:
        self._draws = run.config["trainer"].get("enable_progress_bar") is not False

    @property
    def rate(self) -> float:
        """Samples per second since training began, over all devices; the time includes validation and checkpoints."""
        return self._samples * self._devices / max(time.perf_counter() - self._began, 1e-9)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A resumed run starts at the batches that it has already processed.
        self._steps = trainer.fit_loop.epoch_loop.batch_progress.total.processed
        self._first = self._steps
        self._samples, self._devices, self._began = 0, trainer.world_size, time.perf_counter()
        console = Console(soft_wrap=True)  # lines printed above the bar are not cut at its width
        if not (self._draws and trainer.is_global_zero and (console.is_terminal or in_notebook())):
            return
        # The bar counts batches. max_steps counts optimizer steps: an agent takes several per batch, and accumulated
        # gradients need several batches per step.
        per_batch = pl_module.steps_per_batch if isinstance(pl_module, StepsInEnvironments) else 1
        batches = trainer.max_steps * trainer.accumulate_grad_batches / per_batch
        steps = math.ceil(batches) if trainer.max_steps > 0 else math.inf
        if trainer.max_epochs is not None and trainer.max_epochs > 0:
            steps = min(steps, trainer.max_epochs * trainer.num_training_batches)
        total = None if math.isinf(steps) else int(steps)
        if in_notebook():
            self._notebook = NotebookBar(total, lambda done: self._caption(done, total))
            self._notebook.start()
            return
        self._bar = _PolledBar(
            lambda: self._steps,
            SpinnerColumn(),
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            _Rate(self),
            TimeElapsedColumn(),
            _Remaining(),
            console=console,
            refresh_per_second=4,
            transient=True,  # removed at the end: the lines of the epochs remain
        )
        self._bar.add_task(
            "fit",
            total=total,
            completed=self._steps,
            epoch=trainer.current_epoch,
        )
        self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._samples += len(batch[0])
        self._steps += 1
        if self._notebook is not None:
            self._notebook.advance(self._steps)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # callback_metrics keeps the values of an earlier validation, which are not of this epoch.
        score = _summary(trainer.callback_metrics, ("train/", "val/") if self._validated else ("train/",))
        self._validated = False
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], epoch=trainer.current_epoch + 1)
        if trainer.is_global_zero:
            log.info(
                "epoch %3d  step %6d  %9s samples/s  %s",
                trainer.current_epoch,
                trainer.global_step,
                f"{self.rate:,.0f}",
                score,
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._notebook is not None:
            self._notebook.stop()
            self._notebook = None

    def _caption(self, done: int, total: int | None) -> str:
        """The text after the bar of a notebook."""
        left = ""
        if total and self._samples:
            # Seconds per batch since this process started, times the batches that remain.
            seconds = (time.perf_counter() - self._began) / max(done - self._first, 1) * (total - done)
            left = f"  {_clock(seconds)} left"
        return f"{done}/{total or '?'} steps  {self.rate:,.0f} samples/s{left}"

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)


class _PolledBar(Bar):
    """A bar that reads the number of steps each time it is drawn."""

    def __init__(self, steps: Callable[[], int], *columns: ProgressColumn, **settings: Any) -> None:
        self.steps = steps
        super().__init__(*columns, **settings)

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.task_ids:
            self.update(task, completed=self.steps())
        yield from super().get_renderables()


class _Rate(ProgressColumn):
    """Column: samples per second since training began, over all devices."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress

    def render(self, task: Task) -> Text:
        return Text(f"{self.progress.rate:,.0f} samples/s")


class _Remaining(ProgressColumn):
    """Column: remaining time of the run at the current rate."""

    def render(self, task: Task) -> Text:
        remaining = task.time_remaining
        return Text("" if remaining is None else f"{_clock(remaining)} left")


def _clock(seconds: float) -> str:
    """Format seconds as 1:05 or 10:01:05."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _summary(metrics: Mapping[str, Any], stages: tuple[str, ...]) -> str:
    """Format the metrics of these stages in one line: training before validation, the loss first."""
    names = sorted(metrics, key=lambda name: (name.split("/")[0] != "train", not name.endswith("/loss"), name))
    return "  ".join(f"{name} {float(metrics[name]):.4g}" for name in names if name.startswith(stages))
