"""Samples that a trained network predicts: batches of a user's files, or of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from netyard.errors import DataError


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


@dataclass
class Inputs:
    """All inputs, read lazily: one batch is in memory at a time."""

    kind: str
    """What names are: file, row, or the last step of a window."""
    batches: Iterator[InputBatch]
    total: int
    """Number of inputs, including those that cannot be read."""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without empty ones.

    Raises:
        DataError: the file is missing, is not UTF-8 text, or has only empty lines.
    """
    try:
        # utf-8-sig: editors on Windows write a byte order mark, which would become part of the first word. Split at \n
        # only: str.splitlines would also cut at form feeds and Unicode separators within a text.
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(
            f"{path} cannot be read: {reason};",
            "input is a text file, each line an input, or a .csv file with a column of texts;",
            "try input=FILE.",
        ) from error
    lines = [line for line in lines if line]
    if not lines:
        raise DataError(f"{path} contains no text;", "each line is an input;", "add lines of text.")
    return lines


def samples(batches: Iterable[tuple[Tensor, Tensor, Tensor]], total: int) -> Inputs:
    """Batches of a loader, whose samples are named by their number."""

    def numbers() -> Iterator[InputBatch]:
        done = 0  # an evaluation reads every sample in its stored order, so the count is the row
        for x, y, _ in batches:
            yield InputBatch(range(done, done + len(x)), x, y)
            done += len(x)

    return Inputs("row", numbers(), total)
