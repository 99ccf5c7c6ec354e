"""Count the ReLU units that are zero for every sample of the validation part."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import FSDPStrategy
from torch import Tensor, nn

from netyard.tasks.interfaces import SaysHowItLearns, has_split

BATCHES = 4
FEWEST_SAMPLES = 50  # of fewer, a unit may be zero by chance


def dead_units(task: L.LightningModule, data: L.LightningDataModule, trainer: L.Trainer) -> dict[str, tuple[int, int]]:
    """Of each ReLU layer the dead units and all of its units, by its name in the network.

    A unit is an output of a linear layer, or a map of a convolution, which is dead if it is zero everywhere. Measured
    on a few batches, for tasks whose step calls the whole network once. Neither weights nor random numbers change.
    """
    simple = isinstance(task, SaysHowItLearns) and task.compilable
    if not simple or not has_split(data, "val") or isinstance(trainer.strategy, FSDPStrategy):
        return {}
    layers = {name: module for name, module in task.named_modules() if isinstance(module, nn.ReLU)}
    if not layers:
        return {}
    counter = _Counter(layers)
    training = task.training
    task.eval()
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), trainer.precision_plugin.forward_context():
            for batch in islice(data.val_dataloader(), BATCHES):
                counter.samples += len(batch[0])
                counter.calls.clear()
                batch = data.transfer_batch_to_device(trainer.precision_plugin.convert_input(batch), task.device, 0)
                task(data.on_after_batch_transfer(batch, 0)[0])  # pixels are stored as bytes
    finally:
        task.train(training)
        counter.remove()
    return counter.result() if counter.samples >= FEWEST_SAMPLES else {}


class _Counter:
    """Which units of each call of each layer have been above zero; a module may be called at several places."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self.samples = 0
        self.calls: dict[str, int] = {}
        self._alive: dict[tuple[str, int], Tensor] = {}
        self._handles = [
            module.register_forward_hook(lambda module, given, made, name=name: self._add(name, made))
            for name, module in layers.items()
        ]

    def _add(self, name: str, made: Any) -> None:
        call = self.calls[name] = self.calls.get(name, 0) + 1
        if not isinstance(made, Tensor) or made.ndim not in (2, 4):  # of sequences the axis of units is not known
            return
        alive = (made > 0).transpose(0, 1).flatten(1).any(dim=1)  # (B, U, ...) -> (U,)
        before = self._alive.get((name, call))
        self._alive[name, call] = alive if before is None else alive | before

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def result(self) -> dict[str, tuple[int, int]]:
        found = {}
        for (name, call), alive in self._alive.items():
            shown = name.removeprefix("net.") + (f", call {call}" if call > 1 else "")
            found[shown] = (int((~alive).sum()), len(alive))
        return found
