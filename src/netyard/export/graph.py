"""Wrapping a network for export as a graph with a free batch size, and comparing the file with the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netyard.errors import ConfigError, PlatformError

BATCH_SIZES = (1, 2, 7)
"""Batch sizes on which a file is compared with the network: a size fixed in the graph fails on one of them."""
TOLERANCE = 1e-3
"""The largest allowed difference of an output, as a share of its largest absolute value."""

Run = Callable[..., tuple[Tensor, ...]]
"""Inputs in order -> outputs in order."""


class Normalized(nn.Module):
    """An export signature in the data's own units: normalises inputs, denormalises outputs that are like the data."""

    def __init__(self, signature: Any, data: Any) -> None:
        super().__init__()
        self.signature, self.data = signature, data
        self.inputs, self.outputs = signature.inputs, signature.outputs
        self.score = signature.score and signature.score._replace(compute=self._score)
        self.reads_data, self.more_inputs = signature.reads_data, signature.more_inputs
        self.eval()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        x, *more = inputs
        made = self.signature(self.data.normalize(x), *more)
        like_data = (spec.name in self.signature.like_data for spec in self.outputs)
        return tuple(self.data.denormalize(each) if like else each for each, like in zip(made, like_data, strict=True))

    def examples(self, data: Any, count: int) -> tuple[Tensor, ...]:
        """Inputs of so many samples, not normalised."""
        x, *more = self.signature.examples(data, count)
        return (data.denormalize(x), *more)

    def _score(self, made: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        """The score of outputs in the data's units, computed on the network's scale."""
        own = {
            name: self.data.normalize(each) if name in self.signature.like_data else each for name, each in made.items()
        }
        return self.signature.score.compute(own, x, y)


def no_graph(error: Exception, instead: str) -> ConfigError:
    """The error for a network that cannot be traced."""
    reason = str(error.__cause__ or error).strip().splitlines()[0].removesuffix(".")
    return ConfigError(
        f"the network cannot be written as a graph: {reason};",
        "a graph has one way through it, whatever the numbers, for batches of any size;",
        f"try format={instead}.",
    )


def verify(signature: Any, run: Run, data: Any, what: str) -> float:
    """Compare a file with the network; the largest difference, as a share of the largest number of its output.

    Raises:
        PlatformError: it is larger than ``TOLERANCE``, or an output has another shape.
    """
    worst = 0.0
    for count in BATCH_SIZES:
        inputs = signature.examples(data, count)
        with torch.no_grad():
            wanted = signature(*inputs)
        for spec, mine, its in zip(signature.outputs, wanted, run(*inputs), strict=True):
            share = difference(mine, its)
            if not share <= TOLERANCE:  # NaN is refused, too
                raise PlatformError(
                    f"{what} differs from the network: {spec.name} of a batch of {count} is off by up to "
                    f"{share:.2g} of its largest number;",
                    f"a file is kept if that is at most {TOLERANCE:g}, and this one is not;",
                    "try another format.",
                )
            worst = max(worst, share)
    return worst


def difference(mine: Tensor, its: Tensor) -> float:
    """The largest difference between two tensors, as a share of the first one's largest number; of integers 0 or 1."""
    if mine.shape != its.shape:
        return float("inf")
    if not mine.is_floating_point():
        return float(not torch.equal(mine, its))
    return float((mine - its).abs().max() / mine.abs().max().clamp(min=1e-12))
