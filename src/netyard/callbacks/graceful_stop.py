"""Ends a run cleanly on a signal: the step is finished and a checkpoint written, so that the run can be resumed."""

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
    """A signal only sets a flag; between two steps the flag is read, a checkpoint saved and ``Interrupted`` raised.

    Nothing is saved inside a handler, because the network may be half updated there. A second signal ends the process
    at once. A test changes no state, so a signal ends it at once, and a resumed run repeats it. Ctrl-C (SIGINT),
    SIGTERM, a closed terminal (SIGHUP) and the warning of a cluster before the time limit (SIGUSR1) are handled alike;
    under nohup SIGHUP stays ignored.

    In distributed training a signal to one rank ends all ranks after the same step: an asynchronous all-reduce,
    started at every step and read at the next, sends the signal number to all ranks.

    Raises:
        Interrupted: a signal was received.
    """

    HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}
        self._group: Any = None
        self._pending: tuple[Any, torch.Tensor] | None = None  # the all-reduce that the last step started

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._install(self._set_flag)
        if trainer.world_size > 1:
            self._group = distributed.new_group(backend="gloo")  # CPU tensors: no synchronisation with the GPU

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._install(self._raise)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        received = self.received if self._group is None else self._any_rank_received()
        # All ranks read the same number in the same step: a rank that stopped alone would leave the others waiting in
        # the next gradient all-reduce.
        if received is not None and self.between_steps(trainer, batch_idx):
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, BestAndLast):
                    callback.save(trainer)
            raise Interrupted(received)

    def between_steps(self, trainer: Trainer, batch_idx: int) -> bool:
        """Return whether no gradients are being accumulated; a checkpoint does not contain them."""
        return batch_idx % trainer.accumulate_grad_batches == 0

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        received = self.received
        if self._group is not None:
            # The first call reads the all-reduce of the last step and starts one with the flag of now; the second
            # reads that one.
            self._any_rank_received()
            received = self._any_rank_received()
        if received is not None:  # the signal came after the last step; the last epoch is saved already
            raise Interrupted(received)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for number, handler in self._previous.items():
            # If Lightning has restored other handlers already, they stay: its handlers hold references to the trainer,
            # and putting them back would keep the whole run in memory.
            if signal.getsignal(number) in (self._set_flag, self._raise):
                signal.signal(number, handler)
        self._previous = {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.teardown(trainer, pl_module, "fit")  # Lightning calls no teardown after an exception

    def _any_rank_received(self) -> int | None:
        """Return the signal that any rank had received at the previous call; start the next all-reduce."""
        found = None
        if self._pending is not None:
            work, number = self._pending
            work.wait()  # it ran during the step, so this seldom takes time
            found = int(number) or None
        # The largest number wins: 0 of the ranks without a signal loses against every signal.
        number = torch.tensor(self.received or 0)
        self._pending = distributed.all_reduce(number, distributed.ReduceOp.MAX, self._group, async_op=True), number
        return found

    def _install(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Set the handler after Lightning has set its own.

        Lightning's ends training at SIGTERM with exit code 0 and no checkpoint, and does not end a test.
        """
        # Python allows signal handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # by nohup
            handled = [number for number in self.HANDLED if not (ignored and number == signal.SIGHUP)]
            self._previous = {number: signal.signal(number, handler) for number in handled}

    def _raise(self, number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    def _set_flag(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        # The next signal ends the process at once by the default action. The previous handlers would not: Lightning's
        # for SIGTERM only sets a flag, and KeyboardInterrupt runs clean-up code first.
        for each in self._previous:
            signal.signal(each, signal.SIG_DFL)
