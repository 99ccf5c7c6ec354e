"""Wrap a network for export as a graph with a free batch size, and compare the exported file with the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netyard.errors import ConfigError, PlatformError
from netyard.tasks.interfaces import NormalizedData

BATCH_SIZES = (1, 2, 7)
"""Batch sizes at which a file is compared with the network: a size fixed in the graph fails at two of them."""
TOLERANCE = 1e-3
"""The largest allowed difference of an output, relative to its largest absolute value."""

Run = Callable[..., tuple[Tensor, ...]]
"""Inputs in order -> outputs in order."""


class Normalized(nn.Module):
    """An export signature in the data's own units: normalises input of the data, denormalises outputs like it."""

    def __init__(self, signature: Any, data: Any) -> None:
        super().__init__()
        self.signature, self.data = signature, data
        self.inputs, self.outputs = signature.inputs, signature.outputs
        self.score = signature.score and signature.score._replace(compute=self._score)
        self.reads_data, self.more_inputs = signature.reads_data, signature.more_inputs
        self.like_data = signature.like_data
        self.eval()  # a new module is in training mode, also if the wrapped one is not

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        x, *more = inputs  # the others, such as a class to draw, have no units
        outputs = self.signature(self.data.normalize(x) if self.reads_data else x, *more)
        like_data = (spec.name in self.like_data for spec in self.outputs)
        pairs = zip(outputs, like_data, strict=True)
        return tuple(self.data.denormalize(output) if like else output for output, like in pairs)

    def examples(self, data: Any, count: int) -> tuple[Tensor, ...]:
        """Inputs for ``count`` samples, not normalised."""
        x, *more = self.signature.examples(data, count)
        return (data.denormalize(x) if self.reads_data else x, *more)

    def _score(self, outputs: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        """The score of outputs in the data's units, computed on the network's scale: (B,)."""
        # x comes from ``int8._batches`` and is normalised, so reconstructions must be normalised again.
        scaled = {
            name: self.data.normalize(output) if name in self.like_data else output for name, output in outputs.items()
        }
        return self.signature.score.compute(scaled, x, y)


def in_own_units(signature: Any, data: Any) -> Any:
    """What makes samples of codes or noise, in the units of the data: pixels in [0, 1], or rows of a table."""
    made = signature.like_data and not signature.reads_data
    return Normalized(signature, data) if made and isinstance(data, NormalizedData) and data.own_units else signature


def no_graph(error: Exception, instead: str) -> ConfigError:
    """The error for a network that cannot be traced; ``instead`` is a format that may work."""
    # torch wraps the cause in an error of many lines about its exporter.
    reason = str(error.__cause__ or error).strip().splitlines()[0].removesuffix(".")
    return ConfigError(
        f"the network cannot be written as a graph: {reason};",
        "a graph has the same operations for all values of its inputs, in batches of any size;",
        f"try format={instead}.",
    )


def verify(signature: Any, run: Run, data: Any, what: str) -> float:
    """Compare a file with the network; returns the largest difference, relative to the largest value of the output.

    Raises:
        PlatformError: it is larger than ``TOLERANCE``, or an output has another shape.
    """
    worst = 0.0
    for count in BATCH_SIZES:
        inputs = signature.examples(data, count)
        with torch.no_grad():
            expected = signature(*inputs)
        for spec, wanted, found in zip(signature.outputs, expected, run(*inputs), strict=True):
            share = difference(wanted, found)
            if not share <= TOLERANCE:  # not ``>``: a comparison with NaN is false
                raise PlatformError(
                    f"{what} differs from the network: {spec.name} of a batch of {count} differs by up to "
                    f"{share:.2g} of its largest value;",
                    f"a file is kept if that is at most {TOLERANCE:g}, and this one is not;",
                    "try another format.",
                )
            worst = max(worst, share)
    return worst


def difference(expected: Tensor, found: Tensor) -> float:
    """The largest difference of two tensors, relative to the largest value of the first; for integers 0 or 1."""
    if expected.shape != found.shape:
        return float("inf")
    if not expected.is_floating_point():
        return float(not torch.equal(expected, found))
    # Relative to the whole tensor: an element near zero may differ by any factor. clamp(): outputs of only zeros.
    return float((expected - found).abs().max() / expected.abs().max().clamp(min=1e-12))
