"""How many CPU threads a network is worth, from the work of a step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

# Below this many multiply-adds a batch, a second thread waits longer than it works; measured in docs/log.md.
WORK_FOR_TWO_THREADS = 100e6


@cache
def available() -> int:
    """How many torch had when a run first asked; later runs in the process have changed that number."""
    return torch.get_num_threads()


def set_threads(threads: int | str, task: L.LightningModule, data: Mapping[str, Any]) -> int:
    """Give torch the threads asked for; ``auto`` gives a small network one, any other all it may have."""
    if threads == "auto":
        most = available()
        small = multiply_adds(task, data) * data["batch_size"] < WORK_FOR_TWO_THREADS
        threads = 1 if small else most
    torch.set_num_threads(int(threads))
    return torch.get_num_threads()


def multiply_adds(task: L.LightningModule, data: Mapping[str, Any]) -> float:
    """Of one sample's way through the net; infinite where the data does not say what a sample looks like.

    A recurrent net does its work step after step, and each must be worth sharing: only one step counts.
    """
    example = one_input(data)
    if example is None:
        return float("inf")
    training = task.training
    formulas = {torch.ops.aten.mkldnn_rnn_layer: _lstm_flops}
    # With gradients: without, a transformer in evaluation is one kernel, which the counter does not know.
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        task.eval()(example)
    task.train(training)
    recurrent = any(isinstance(module, nn.RNNBase) for module in task.modules())
    return counter.get_total_flops() / 2 / (data["sequence_length"] if recurrent else 1)


def _lstm_flops(x: Sequence[int], weight: Sequence[int], recurrent_weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Of an LSTM layer on the CPU, which torch's counter does not know: x (T, B, F), weights (4H, F) and (4H, H)."""
    return 2 * x[0] * x[1] * (math.prod(weight) + math.prod(recurrent_weight))


def one_input(data: Mapping[str, Any]) -> Tensor | None:
    """One input as the data has them, numbers or tokens; None where the data does not say."""
    if data.get("input_shape"):
        return torch.zeros(1, *data["input_shape"])
    if data.get("vocab_size"):
        return torch.ones(1, data["sequence_length"], dtype=torch.int64)
    return None
