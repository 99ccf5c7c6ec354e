"""What the platform adds to a step, in microseconds of CPU, feature by feature: netyard beside a bare step.

    python bench/trainer_steps.py [--steps 300] [overrides]        for instance model=cnn_tiny data.batch_size=32

After each step of a run a bare loop takes one too, of the same network on the same stored samples: index, normalise,
forward, backward, fused Adam, loss and hits summed. A step of the run is all that happens between two of the loop.
Printed are medians, and the median of the differences of pairs. The last rows have Lightning's own loop, and what is
logged by two torchmetrics objects at every step, as templates do.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import lightning as L
import torch
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

sys.path.insert(0, str(Path(__file__).parent))

from rivals import Samples, beside
from rivals.tensor_loop import TensorLoop

from netyard.cli.main import train

RUN = [
    *("data=fake", "data.image_size=28", "data.channels=1", "data.size=12000", "data.batch_size=128"),
    *("model=mlp", "model.hidden_sizes=[64,128,64]", "model.batch_norm=true", "threads=1", "trainer=cpu"),
    *("trainer.max_epochs=-1", "trainer.limit_test_batches=1", "trainer.limit_val_batches=1"),
]
WATCHING = ("finite", "curves", "progress", "signals")  # the default callbacks that do something at a step
OTHERS = ("figures", "scores", "samples", "projector", "episodes")
WARM_UP = 20


def without(*names: str) -> list[str]:
    return [f"callbacks.{name}=null" for name in names]


FEATURES: dict[str, list[str]] = {
    "only the checkpoint callback": [*without(*WATCHING, *OTHERS), "logger=none"],
    "+ signal handling": [*without("finite", "curves", "progress", *OTHERS), "logger=none"],
    "+ the check for a NaN loss": [*without("curves", "progress", *OTHERS), "logger=none"],
    "+ the progress bar": [*without("curves", *OTHERS), "logger=none"],
    "+ curves in TensorBoard": without(*OTHERS),
    "all default callbacks": [],
    "... and a cosine schedule": ["scheduler=cosine"],
    "... and gradient clipping": ["trainer.gradient_clip_val=1"],
    "... and averaged weights": ["callbacks=[default,ema]"],
    "... and a point in the curves at every step": ["trainer.log_every_n_steps=1"],
    "... in Lightning's own loop": [],
    "... and two torchmetrics logged per step": [],
}


class Beside(beside.Beside):
    """A bare step on samples of its own order."""

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        data: Any = trainer.datamodule
        part = data.split("train")
        samples = Samples(part.x, part.y, part.x[:0], part.y[:0], *data.pixel_statistics(), data.batch_size)
        self.loop = TensorLoop(copy.deepcopy(pl_module.net), samples)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        super().on_train_epoch_start(trainer, pl_module)
        self.order = iter(torch.randperm(len(self.loop.x)).split(self.loop.batch_size))

    def step(self, batch: Any) -> None:
        self.loop.step(*self.loop.batch(next(self.order)))


@contextlib.contextmanager
def arranged(feature: str) -> Iterator[None]:
    """Lightning's loop, and a task that logs torchmetrics, where a feature is that."""
    from netyard.tasks.classification import Classification
    from netyard.training import lean_loop

    own_step = Classification.training_step

    def logging_step(self: Any, batch: Any, batch_idx: int) -> Any:
        loss = own_step(self, batch, batch_idx)
        if not hasattr(self, "bench_loss"):
            self.bench_loss, self.bench_accuracy = MeanMetric(), MulticlassAccuracy(self.num_outputs)
        self.bench_loss(loss.detach())
        self.bench_accuracy(batch[1], batch[1])
        self.log("bench/loss", self.bench_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("bench/accuracy", self.bench_accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    with contextlib.ExitStack() as stack:
        if "own loop" in feature or "torchmetrics" in feature:
            stack.enter_context(mock.patch.object(lean_loop, "install", lambda trainer: None))
        if "torchmetrics" in feature:
            stack.enter_context(mock.patch.object(Classification, "training_step", logging_step))
        yield


def measure(feature: str, overrides: list[str], steps: int) -> tuple[float, float, float]:
    """Median seconds of a step of the run, of the bare one, and of the difference."""
    name = "trainer_steps.Beside"
    watched = [f"--allow-target={name}", f"+callbacks.beside._target_={name}", f"trainer.max_steps={steps + WARM_UP}"]
    os.environ |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}  # the bar is drawn, into said
    said = io.StringIO()
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(said), arranged(feature):
        code = train([*RUN, *FEATURES[feature], *overrides, *watched, f"hydra.run.dir={folder}/run"])
    if code != 0:
        print(said.getvalue())
        raise SystemExit(code)
    import trainer_steps  # where the run found it, not in __main__

    found = trainer_steps.Beside.latest
    pairs = list(zip(found.ours, found.bare, strict=True))[WARM_UP:]
    ours, bare = ([pair[which] for pair in pairs] for which in (0, 1))
    return statistics.median(ours), statistics.median(bare), statistics.median(a - b for a, b in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--only", default="", help="the features whose name has this")
    options, overrides = parser.parse_known_args()
    print(
        "| | µs per step | bare step | difference | bare step relative to netyard |",
        "| --- |" + " ---: |" * 4,
        sep="\n",
    )
    for feature in FEATURES:
        if options.only in feature:
            ours, bare, more = measure(feature, overrides, options.steps)
            cells = f"{1e6 * ours:,.0f} | {1e6 * bare:,.0f} | {1e6 * more:,.0f} | {bare / ours:.2f}"
            print(f"| {feature} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
