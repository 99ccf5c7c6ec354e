"""A signal ends a run in order: the step is finished, a checkpoint written, and the run can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import distributed

from netyard.callbacks.best_and_last import BestAndLast
from netyard.errors import Interrupted


class Signals(Callback):
    """A signal only sets a flag; between two steps the flag is read, the state saved and ``Interrupted`` raised.

    Nothing is saved inside a handler, where the network may be half updated. A second one ends the process at once.
    A test, which changes nothing, ends where it is, and is done again after a resume. Ctrl-C, SIGTERM, the end of the
    terminal (SIGHUP) and what a cluster sends before its time is up (SIGUSR1) are all the same; under nohup SIGHUP
    stays ignored.

    Where several processes train together, a signal to one of them ends all of them after the same step: an
    asynchronous all-reduce at every step, read at the next, spreads the number of the signal.
    """

    HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}
        self._group: Any = None
        self._pending: tuple[Any, torch.Tensor] | None = None  # the all-reduce that the last step started

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._take_over(self._note)
        if trainer.world_size > 1:
            self._group = distributed.new_group(backend="gloo")  # CPU tensors: no synchronisation with the GPU

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._take_over(self._end)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        received = self.received if self._group is None else self._from_all_ranks()
        if received is not None and self.between_steps(trainer, batch_idx):
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, BestAndLast):
                    callback.save(trainer)
            raise Interrupted(received)

    def between_steps(self, trainer: Trainer, batch_idx: int) -> bool:
        """Whether no gradients are being accumulated: they are in no checkpoint."""
        return batch_idx % trainer.accumulate_grad_batches == 0

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        received = self.received
        if self._group is not None:
            self._from_all_ranks()
            received = self._from_all_ranks()
        if received is not None:  # it came after the last step, and the last epoch is saved
            raise Interrupted(received)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for number, handler in self._previous.items():
            # Not where Lightning has restored its own handlers: those would keep the whole run in memory.
            if signal.getsignal(number) in (self._note, self._end):
                signal.signal(number, handler)
        self._previous = {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.teardown(trainer, pl_module, "fit")

    def _from_all_ranks(self) -> int | None:
        """The signal that any rank had received at the previous call; starts the next all-reduce without waiting."""
        answer = None
        if self._pending is not None:
            work, number = self._pending
            work.wait()
            answer = int(number) or None
        number = torch.tensor(self.received or 0)
        self._pending = distributed.all_reduce(number, distributed.ReduceOp.MAX, self._group, async_op=True), number
        return answer

    def _take_over(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """After Lightning has, which ends training at SIGTERM with code 0 and no checkpoint, and a test not at all."""
        if threading.current_thread() is threading.main_thread():
            stays = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            handled = [number for number in self.HANDLED if not (stays and number == signal.SIGHUP)]
            self._previous = {number: signal.signal(number, handler) for number in handled}

    def _end(self, number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        # Not the handlers of before: Lightning's for SIGTERM only takes note, and KeyboardInterrupt cleans up first.
        for each in self._previous:
            signal.signal(each, signal.SIG_DFL)
