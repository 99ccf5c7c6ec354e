"""The export signature of a task: a function of named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.tasks.parts.labels import sample_labels

# Batch size: number of steps of its example sequences, if that is free. Each batch size has another number of steps:
# an exporter that sees one size in all examples would fix it in the graph.
_STEPS = {1: 6, 2: 9, 7: 4}


class TensorSpec(NamedTuple):
    """The description of an input or output tensor."""

    name: str
    meaning: str
    """What it contains, and its shape."""
    axes: tuple[str, ...] = ("batch",)
    """Names of the leading dynamic axes of an input."""
    longest: int | None = None
    """The largest size of the second of these axes; None: no limit."""


class Score(NamedTuple):
    """A metric that is the mean over samples of ``compute(outputs by name, inputs x, targets y) -> (B,)``."""

    name: str
    compute: Callable[[Mapping[str, Tensor], Tensor, Tensor], Tensor]


class ExportSignature(nn.Module):
    """The function that is exported: ``signature(*inputs) -> outputs``, a tuple in the order of ``outputs``.

    It is in evaluation mode, without dropout and with the running statistics of batch norm.

    Args:
        parts: the module that contains every weight the function uses.
        function: takes the inputs, and returns a tensor, or one for each output.
        inputs: specs; the data's input comes first.
        outputs: specs.
        reads_data: whether the first input comes from the data; false for a generator, whose input is noise.
        more_inputs: a function of a number of samples that returns examples (B, ...) of the other inputs.
        like_data: names of outputs on the scale of the data's input, which are denormalised with it.
        score: the metric by which an exported file is compared with the network; None if there is none.
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
        # A submodule: exporters and ``state_dict`` find the weights here, not in the closure of ``function``.
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


def label_spec(num_classes: int | None) -> TensorSpec:
    """The description of the class that a conditional network gets for each sample."""
    return TensorSpec("label", f"int64 (batch,), from 0 to {(num_classes or 0) - 1}")


def encoder_signature(
    parts: nn.Module, function: Callable[..., Tensor], shape: Sequence[int], name: str = "code", kind: str = ""
) -> ExportSignature:
    """The signature of an encoder: inputs -> codes (B, *shape), which ``kind`` describes."""
    code = TensorSpec(name, f"{kind}(batch, {', '.join(map(str, shape))})")
    return ExportSignature(parts, function, [TensorSpec("input", "a sample")], [code])


def decoder_signature(
    parts: nn.Module,
    function: Callable[..., Tensor],
    code: TensorSpec,
    codes: Callable[[int], Tensor],
    shape: Sequence[int],
    num_classes: int | None = None,
) -> ExportSignature:
    """The signature of a decoder: codes, and labels (B,) of a conditional one -> samples (B, *shape).

    Args:
        parts, function: see ``ExportSignature``; images are in [0, 1], other samples on the scale of the data's input.
        code: the description of the codes.
        codes: a function of a number of samples that returns examples of codes.
        shape: of one sample; (C, H, W) is an image.
        num_classes: of a conditional decoder; None if it takes no labels.
    """

    def examples(count: int) -> tuple[Tensor, ...]:
        labels = sample_labels(count, None, num_classes)
        return codes(count), *(() if labels is None else (labels,))

    size, is_image = ", ".join(map(str, ("batch", *shape))), len(shape) == 3
    made = TensorSpec("picture", f"({size}), pixels in [0, 1]") if is_image else TensorSpec("sample", f"({size})")
    inputs, like_data = [code, *[label_spec(num_classes)] * bool(num_classes)], ["sample"] * (not is_image)
    return ExportSignature(parts, function, inputs, [made], reads_data=False, more_inputs=examples, like_data=like_data)


def normal_codes(count: int, size: int) -> Tensor:
    """Examples of continuous codes, standard normal: (count, size), the same at every call."""
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0))


def mean_square(made: Tensor, true: Tensor) -> Tensor:
    """The mean squared error of each sample: (B, ...) and (B, ...) -> (B,)."""
    return (made - true).float().square().flatten(1).mean(dim=1)


def mean_likelihood(logits: Tensor, y: Tensor, ignored: int) -> Tensor:
    """The mean negative log-likelihood of each sample's targets, in nats: (B, T, V) and (B, T) -> (B,)."""
    # torch wants the classes in dimension 1: (B, V, T). Ignored targets have loss 0.
    losses = F.cross_entropy(logits.transpose(1, 2), y, ignore_index=ignored, reduction="none")  # (B, T)
    # clamp: a sample without targets has mean 0, not 0/0.
    return losses.sum(dim=1) / (y != ignored).sum(dim=1).clamp(min=1)
