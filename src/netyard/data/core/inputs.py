"""Samples that a trained network predicts: batches of a user's files, or of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from netyard.errors import DataError

Columns = Mapping[str, Sequence[Any]]


@dataclass
class InputBatch:
    """A batch of inputs in the format of the run's stored samples, for ``DataModule.prepare``."""

    names: Sequence[str | int]
    """The file of each sample, or the number of its row, from 0."""
    x: Tensor
    y: Tensor | None = None
    """Labels or targets; None if they are unknown."""
    refused: list[DataError] = field(default_factory=list)
    """The errors of samples that could not be read, which are not in ``x``."""
    empty: Sequence[int] = ()
    """The places in the batch of inputs without content, such as an empty line, whose predictions are left empty."""
    arrange: Callable[[Columns, Columns], Columns] | None = None
    """(predictions, true values) by column -> the rows of the table. None: a row for each sample, after its name."""


@dataclass
class Inputs:
    """All inputs, read lazily: one batch is in memory at a time."""

    kind: str
    """What names are: file, row, or the last step of a window."""
    batches: Iterator[InputBatch]
    total: int
    """Number of inputs, including those that cannot be read."""


def samples(batches: Iterable[tuple[Tensor, Tensor, Tensor]], total: int) -> Inputs:
    """Batches of a loader, whose samples are named by their number."""

    def numbers() -> Iterator[InputBatch]:
        done = 0  # an evaluation reads every sample in its stored order, so the count is the row
        for x, y, _ in batches:
            yield InputBatch(range(done, done + len(x)), x, y)
            done += len(x)

    return Inputs("row", numbers(), total)
