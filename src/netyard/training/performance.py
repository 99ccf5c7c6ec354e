"""One place decides how a network is run: threads, precision, layout, compilation, from the device and the work.

``trainer.performance`` says how far it may go. ``safe`` changes nothing: a run is the same to the last bit on the same
machine. ``auto`` may also round otherwise, within the precision of the run. ``max`` may choose a lower precision, and
take a while to begin. What was chosen is in the first lines of the log; why, in docs/decisions/0050.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from netyard.config.instantiate import build
from netyard.errors import ConfigError
from netyard.tasks.interfaces import SaysHowItLearns

# Below this many multiply-adds a batch, a second thread waits longer than it works; measured in docs/log.md.
WORK_FOR_TWO_THREADS = 100e6
LEVELS = ("auto", "safe", "max")
WIDEST = 64  # input channels of a convolution: beyond, the CPU's kernels for channels last are the slower ones
WORK_FOR_GRAPHS = 1e10  # multiply-adds a batch: above, a GPU computes longer than it waits for the next kernel
LBFGS = "torch.optim.LBFGS"  # views each gradient as a vector, which one with channels last refuses


@dataclass(frozen=True)
class Choice:
    """How a network is run."""

    threads: int
    precision: str
    channels_last: bool = False
    compile: str | None = None
    """The mode of ``torch.compile``; ``reduce-overhead`` records CUDA graphs."""
    fast_kernels: bool = True
    """Of a GPU: torch's own choice; otherwise those that round as float32 does."""

    def __str__(self) -> str:
        words = [f"{self.threads} thread{'s' * (self.threads != 1)}"]
        words += [self.precision] * (self.precision != "32-true")
        words += ["channels last"] * self.channels_last
        words += ["compiled" + " into CUDA graphs" * (self.compile == "reduce-overhead")] * (self.compile is not None)
        return ", ".join(words)


def choose(config: Mapping[str, Any], task: L.LightningModule) -> Choice:
    """What ``trainer.performance`` of a resolved config means for a task; sets torch's threads already.

    Raises:
        ConfigError: there is no such level.
    """
    trainer, data = config["trainer"], config["data"]
    level = trainer.get("performance", "auto")  # a run of before has none
    if level not in LEVELS:
        raise ConfigError(
            f"trainer.performance is {level!r};",
            f"it is one of {', '.join(LEVELS)};",
            "try trainer.performance=auto.",
        )
    threads, precision = set_threads(config["threads"], task, data), str(trainer["precision"])
    if level == "safe":
        return Choice(threads, precision, fast_kernels=False)
    on_gpu = trainer["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    shared_out = trainer["strategy"] not in ("auto", "ddp")  # FSDP lays weights out itself
    as_built = shared_out or config["optimizer"].get("_target_") == LBFGS
    channels_last = not as_built and (_convolves(task.net) if on_gpu else _convolves_narrowly(task.net))
    if level == "auto" or not on_gpu:  # on a CPU compiled networks were no faster
        return Choice(threads, precision, channels_last)
    if precision == "32-true" and torch.cuda.is_bf16_supported():
        precision = "bf16-mixed"
    mode = None
    compilable = isinstance(task, SaysHowItLearns) and task.compilable
    if compilable and not shared_out and shutil.which("gcc"):  # what Triton builds with
        small = multiply_adds(task, data) * data["batch_size"] < WORK_FOR_GRAPHS
        mode = "reduce-overhead" if small else "default"
    return Choice(threads, precision, channels_last, mode)


def prepare(choice: Choice, task: L.LightningModule) -> None:
    """Lay out and compile the network in place, so that the keys of its weights stay as they are."""
    if choice.channels_last:
        task.net.to(memory_format=torch.channels_last)
    if choice.compile is not None:
        task.net.compile(mode=choice.compile)
    if not choice.fast_kernels:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def trainer(choice: Choice, node: Mapping[str, Any], **arguments: Any) -> L.Trainer:
    """Lightning's Trainer from the config's node, with what was chosen."""
    own = {key: value for key, value in node.items() if key != "performance"}
    return build({**own, "precision": choice.precision}, **arguments)


def _convolves(net: nn.Module) -> bool:
    return any(isinstance(each, nn.Conv2d | nn.ConvTranspose2d) for each in net.modules())


def _convolves_narrowly(net: nn.Module) -> bool:
    """Whether channels last are faster on a CPU: each convolution mixes few channels, or looks at one pixel."""
    layers = [each for each in net.modules() if isinstance(each, nn.Conv2d)]
    wide = any(each.in_channels // each.groups > WIDEST and max(each.kernel_size) > 1 for each in layers)
    return bool(layers) and not wide and not any(isinstance(each, nn.ConvTranspose2d) for each in net.modules())


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
    example = example_input(data)
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


def example_input(data: Mapping[str, Any]) -> Tensor | None:
    """One input as the data has them, numbers or tokens; None where the data does not say."""
    if data.get("input_shape"):
        return torch.zeros(1, *data["input_shape"])
    if data.get("vocab_size"):
        return torch.ones(1, data["sequence_length"], dtype=torch.int64)
    return None
