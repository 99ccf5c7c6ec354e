"""Ctrl-C and SIGTERM end a run in order: the step is finished, a checkpoint written, and the run can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from lightning import Callback, LightningModule, Trainer

from netyard.callbacks.checkpoint import BestAndLast
from netyard.errors import Interrupted


class Signals(Callback):
    """A signal only sets a flag; between two steps the flag is read, the state saved and ``Interrupted`` raised.

    Nothing is saved inside a handler, where the network may be half updated. A second one ends the process at once.
    A test, which changes nothing, ends where it is, and is done again after a resume.
    """

    HANDLED = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._take_over(self._note)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._take_over(self._end)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.received is not None:
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, BestAndLast):
                    callback.save(trainer)
            raise Interrupted(self.received)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.received is not None:  # it came after the last step, and the last epoch is saved
            raise Interrupted(self.received)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.teardown(trainer, pl_module, "fit")

    def _take_over(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """After Lightning has, which ends training at SIGTERM with code 0 and no checkpoint, and a test not at all."""
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, handler) for number in self.HANDLED}

    def _end(self, number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        # Not the handlers of before: Lightning's for SIGTERM only takes note, and KeyboardInterrupt cleans up first.
        for each in self.HANDLED:
            signal.signal(each, signal.SIG_DFL)
