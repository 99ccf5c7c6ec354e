"""A bare loop beside a run: whatever else the machine does meanwhile hits both."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

import lightning as L


class Beside(L.Callback):
    """Takes a step of its own after each of the run's. A step of the run is all that happens between two of them.

    Each benchmark has a class of its own, whose ``latest`` is the one that the run has made of it.
    """

    latest: ClassVar[Any]
    clock: Callable[[], float] = staticmethod(time.process_time)

    def __init__(self) -> None:
        type(self).latest = self
        self.ours: list[float] = []
        self.bare: list[float] = []
        self.ended: float | None = None

    def step(self, batch: Any) -> None:
        """A step of the bare loop, at the batch that the run has just had."""
        raise NotImplementedError

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self.ended = None  # the time of a validation is nobody's

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        began = self.clock()
        self.step(batch)
        now = self.clock()
        if self.ended is not None:
            self.ours.append(began - self.ended)
            self.bare.append(now - began)
        self.ended = self.clock()
