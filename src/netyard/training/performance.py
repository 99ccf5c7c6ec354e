"""Choose how a network is run: threads, precision, memory layout and compilation, by device and amount of computation.

``trainer.performance`` sets the limits. ``safe`` changes nothing: a run is bit-identical on the same machine. ``auto``
may also change the rounding, within the precision of the run. ``max`` may choose a lower precision and compile, which
takes a while at the start. The choice is in the first lines of the log; its reasons are in docs/decisions/0050.
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

# Multiply-adds of a batch, below which a second thread costs more than it saves; measured in docs/log.md.
WORK_FOR_TWO_THREADS = 100e6
LEVELS = ("auto", "safe", "max")
MAX_CHANNELS = 64  # input channels of a convolution; above, channels last is slower on a CPU
WORK_FOR_GRAPHS = 1e10  # multiply-adds of a batch; above, kernel launches are no longer what a GPU waits for
LBFGS = "torch.optim.LBFGS"  # calls .view(-1) on each gradient, which fails for channels last


@dataclass(frozen=True)
class Choice:
    """How a network is run."""

    threads: int
    precision: str
    channels_last: bool = False
    compile: str | None = None
    """The mode of ``torch.compile``; ``reduce-overhead`` records CUDA graphs."""
    fast_kernels: bool = True
    """On a GPU: whether torch may use TF32 kernels; if not, every product is rounded as float32."""

    def __str__(self) -> str:
        # Only what differs from the default is named: the line is read by people, at the start of every run.
        words = [f"{self.threads} thread{'s' * (self.threads != 1)}"]
        words += [self.precision] * (self.precision != "32-true")
        words += ["channels last"] * self.channels_last
        words += ["compiled" + " into CUDA graphs" * (self.compile == "reduce-overhead")] * (self.compile is not None)
        return ", ".join(words)


def choose(config: Mapping[str, Any], task: L.LightningModule) -> Choice:
    """Choose by ``trainer.performance`` of a resolved config for this task; also sets the number of torch's threads.

    Raises:
        ConfigError: there is no such level.
    """
    trainer, data = config["trainer"], config["data"]
    level = trainer.get("performance", "auto")  # configs recorded by earlier versions have no such key
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
    sharded = trainer["strategy"] not in ("auto", "ddp")  # FSDP flattens weights, so they have no layout to change
    keep_layout = sharded or config["optimizer"].get("_target_") == LBFGS
    channels_last = not keep_layout and (
        _has_convolutions(task.net) if on_gpu else _channels_last_pays_on_cpu(task.net)
    )
    if level == "auto" or not on_gpu:  # compilation was measured to gain nothing on a CPU
        return Choice(threads, precision, channels_last)
    # Only the default is lowered: a precision that the user has set stays.
    if precision == "32-true" and torch.cuda.is_bf16_supported():
        precision = "bf16-mixed"
    mode = None
    compilable = isinstance(task, SaysHowItLearns) and task.compilable
    if compilable and not sharded and shutil.which("gcc"):  # Triton needs a C compiler at run time
        # CUDA graphs replay all kernels of a step with one launch; in a large network launches hardly count.
        small = multiply_adds(task, data) * data.get("batch_size", 1) < WORK_FOR_GRAPHS
        mode = "reduce-overhead" if small else "default"
    return Choice(threads, precision, channels_last, mode)


def prepare(choice: Choice, task: L.LightningModule) -> None:
    """Change layout and compile in place: ``torch.compile(net)`` would prefix the keys of its state dict."""
    if choice.channels_last:
        task.net.to(memory_format=torch.channels_last)
    if choice.compile is not None:
        task.net.compile(mode=choice.compile)
    # TF32 keeps 10 of 23 mantissa bits, so results would depend on the GPU model.
    if not choice.fast_kernels:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def trainer(choice: Choice, settings: Mapping[str, Any], **arguments: Any) -> L.Trainer:
    """Build Lightning's Trainer from ``trainer_arguments.arguments``, with the chosen precision."""
    return build({**settings, "precision": choice.precision}, **arguments)


def _has_convolutions(net: nn.Module) -> bool:
    return any(isinstance(each, nn.Conv2d | nn.ConvTranspose2d) for each in net.modules())


def _channels_last_pays_on_cpu(net: nn.Module) -> bool:
    """Whether channels last is faster on a CPU: every convolution has few input channels or a 1 x 1 kernel."""
    layers = [each for each in net.modules() if isinstance(each, nn.Conv2d)]
    # A grouped convolution mixes only the channels of a group; a depthwise one has a single channel in each.
    wide = any(each.in_channels // each.groups > MAX_CHANNELS and max(each.kernel_size) > 1 for each in layers)
    return bool(layers) and not wide and not any(isinstance(each, nn.ConvTranspose2d) for each in net.modules())


@cache
def default_threads() -> int:
    """Return torch's number of threads before the first run of this process; cached, because runs change it."""
    return torch.get_num_threads()


def set_threads(threads: int | str, task: L.LightningModule, data: Mapping[str, Any]) -> int:
    """Set torch's number of threads; ``auto`` is 1 for a small network and torch's default for any other."""
    if threads == "auto":
        most = default_threads()
        small = multiply_adds(task, data) * data["batch_size"] < WORK_FOR_TWO_THREADS
        threads = 1 if small else most
    torch.set_num_threads(int(threads))
    return torch.get_num_threads()


def multiply_adds(task: L.LightningModule, data: Mapping[str, Any]) -> float:
    """Count the multiply-adds of one forward pass of one sample; infinite if the shape of a sample is unknown.

    For a recurrent network only one time step is counted: the steps run one after the other, so threads can only share
    the work within a step.
    """
    example = example_input(data)
    if example is None:
        return float("inf")
    training = task.training
    formulas = {torch.ops.aten.mkldnn_rnn_layer: _lstm_flops}
    # With gradients: under no_grad a transformer in eval mode runs as one fused kernel, which the counter counts as 0.
    # In eval mode, so that batch norm statistics and the random numbers of dropout are not touched.
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        task.eval()(example)
    task.train(training)
    recurrent = any(isinstance(module, nn.RNNBase) for module in task.modules())
    # The counter counts a multiply-add as two operations.
    return counter.get_total_flops() / 2 / (data["sequence_length"] if recurrent else 1)


def _lstm_flops(x: Sequence[int], weight: Sequence[int], recurrent_weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Count the operations of an LSTM layer on a CPU, for torch's counter: x (T, B, F), weights (4H, F) and (4H, H)."""
    return 2 * x[0] * x[1] * (math.prod(weight) + math.prod(recurrent_weight))


def example_input(data: Mapping[str, Any]) -> Tensor | None:
    """Return an input of batch size 1 by the ``data`` config: float (1, ...) or tokens (1, T); None if unknown."""
    if data.get("input_shape"):
        return torch.zeros(1, *data["input_shape"])
    if data.get("vocab_size"):
        return torch.ones(1, data["sequence_length"], dtype=torch.int64)
    return None
