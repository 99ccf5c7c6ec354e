"""Samples that a trained network predicts: batches of a user's files, or of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from netyard.errors import DataError


@dataclass
class InputBatch:
    """Some inputs, stored as the run's data are: ``DataModule.prepare`` makes them what a network takes."""

    names: Sequence[str | int]
    """Of each: its file, or the number of its row, which counts from 0."""
    x: Tensor
    y: Tensor | None = None
    """What is true of each, where that is known."""
    refused: list[DataError] = field(default_factory=list)
    """Why others that would be among them are not."""


@dataclass
class Inputs:
    """All of them, read as they are wanted, so that memory holds one batch."""

    kind: str
    """What a name is: file or row."""
    batches: Iterator[InputBatch]
    total: int
    """How many there are, those that will be refused among them."""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that hold something.

    Raises:
        DataError: no such file, one that is no text, or no such line.
    """
    try:
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
        raise DataError(f"{path} holds no text;", "each line is an input;", "fill it.")
    return lines


def samples(batches: Iterable[tuple[Tensor, Tensor, Tensor]], total: int) -> Inputs:
    """Batches of a loader, whose samples have no name but their number."""

    def numbers() -> Iterator[InputBatch]:
        done = 0
        for x, y, _ in batches:
            yield InputBatch(range(done, done + len(x)), x, y)
            done += len(x)

    return Inputs("row", numbers(), total)
