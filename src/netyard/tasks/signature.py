"""The export signature of a task: a function of named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

# Batch size: steps of its sequences, if their number is free. Each size has another, so that none is taken for fixed.
_STEPS = {1: 6, 2: 9, 7: 4}


class TensorSpec(NamedTuple):
    """An input or an output."""

    name: str
    meaning: str
    """With its shape."""
    axes: tuple[str, ...] = ("batch",)
    """Names of the leading axes of an input, which may have any size."""
    longest: int | None = None
    """The largest size of the second of these axes."""


class Score(NamedTuple):
    """A quality of outputs, averaged over samples; a function of outputs by name, inputs x and targets y -> (B,)."""

    name: str
    judge: Callable[[Mapping[str, Tensor], Tensor, Tensor], Tensor]


class ExportSignature(nn.Module):
    """``signature(*inputs) -> outputs``, a tuple in the order of its specs; in evaluation mode.

    Args:
        parts: holds every weight that the function uses.
        function: of the inputs; a tensor, or one for each output.
        inputs: specs; the data's input comes first.
        reads_data: whether the first input comes from the data.
        more_inputs: for a number of samples, examples (B, ...) of the other inputs.
        like_data: names of outputs on the scale of the data's input.
        score: None if there is no such number.
    """

    def __init__(
        self,
        parts: nn.Module,
        function: Callable[..., Tensor | tuple[Tensor, ...]],
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        reads_data: bool = True,
        more_inputs: Callable[[int], tuple[Tensor, ...]] | None = None,
        like_data: Sequence[str] = (),
        score: Score | None = None,
    ) -> None:
        super().__init__()
        self.parts, self.function = parts, function
        self.inputs, self.outputs, self.like_data = tuple(inputs), tuple(outputs), tuple(like_data)
        self.reads_data, self.more_inputs, self.score = reads_data, more_inputs, score
        self.eval()

    def examples(self, data: Any, count: int) -> tuple[Tensor, ...]:
        """Synthetic inputs for ``count`` samples of a datamodule; the same at every call."""
        inputs: tuple[Tensor, ...] = ()
        if self.reads_data:
            free = "steps" in self.inputs[0].axes
            inputs = (data.example_inputs(count, _STEPS.get(count, 8) if free else None),)
        return inputs + (self.more_inputs(count) if self.more_inputs else ())

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.function(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)


def mean_square(made: Tensor, true: Tensor) -> Tensor:
    """The mean squared error of each sample: (B, ...) twice -> (B,)."""
    return (made - true).float().square().flatten(1).mean(dim=1)


def mean_likelihood(logits: Tensor, y: Tensor, ignored: int) -> Tensor:
    """The mean negative log-likelihood of each sample's targets, in nats: (B, T, V) and (B, T) -> (B,)."""
    losses = F.cross_entropy(logits.transpose(1, 2), y, ignore_index=ignored, reduction="none")
    return losses.sum(dim=1) / (y != ignored).sum(dim=1).clamp(min=1)
