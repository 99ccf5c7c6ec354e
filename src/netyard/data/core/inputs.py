"""Files of a user's own, as the samples that a run's data would have made of them: pictures, rows of a table, texts."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from netyard.data.images.decode import SUFFIXES, CentreBox, read_square
from netyard.data.tables.csv_reader import Column, Table, encode, read_table
from netyard.errors import ConfigError, DataError


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


@dataclass
class Framing:
    """How a picture file becomes one of the run's pictures."""

    size: int
    channels: int
    max_value: float = 255
    """What stands for white in the run's own pictures, which are whole numbers."""
    crop_ratio: float = 1.0
    """Side of the central square that is looked at, as a fraction of the shorter side."""
    side: int | None = None
    """See ``read_square``."""

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ConfigError(
                f"the run was trained on pictures of {self.channels} channels;",
                "a picture file has 1, of greys, or 3, of colours;",
                "leave input out to predict the test part of the run's own data.",
            )

    def read(self, path: Path) -> np.ndarray:
        """uint8 (channels, size, size), from 0 to ``max_value``.

        Raises:
            DataError: see ``read_square``.
        """
        picture = read_square(path, self.size, CentreBox(self.crop_ratio), self.side)
        if self.channels == 1:
            picture = np.asarray(Image.fromarray(picture).convert("L"))[:, :, None]
        if self.max_value != 255:
            picture = np.rint(picture * (self.max_value / 255)).astype(np.uint8)
        return picture.transpose(2, 0, 1)


def find_pictures(where: str) -> Iterator[Path]:
    """One picture file, every picture below a folder, or every one that a pattern like ``photos/*.png`` fits.

    Raises:
        DataError: there is none.
    """
    place = Path(where).expanduser()
    if place.is_dir():
        found, missing = walk_pictures(place), f"the folder {where} holds no picture"
    elif place.is_file():
        return iter([place])
    else:
        fitting = map(Path, sorted(glob.glob(str(place), recursive=True)))  # noqa: PTH207  (Path's begins in a folder)
        found = (path for path in fitting if path.suffix.lower() in SUFFIXES and path.is_file())
        missing = f"no picture fits the pattern {where}" if glob.has_magic(where) else f"there is no {where}"
    first = next(found, None)
    if first is None:
        raise DataError(
            f"{missing};",
            f"input is a picture, a folder of pictures or a pattern, by a suffix of {' '.join(sorted(SUFFIXES))};",
            "try input=FOLDER.",
        )
    return chain([first], found)


def walk_pictures(folder: Path) -> Iterator[Path]:
    """Every picture below a folder, sorted in each; hidden files and folders are passed over."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name)


def pictures_at(where: str, framing: Framing, batch_size: int) -> Inputs:
    """See ``find_pictures``, which is asked twice: first how many there are."""
    return pictures(find_pictures(where), sum(1 for _ in find_pictures(where)), framing, batch_size)


def pictures(
    paths: Iterable[Path], total: int, framing: Framing, batch_size: int, labels: Tensor | None = None
) -> Inputs:
    """Picture files, and their labels (N,) where those are known. A damaged one is refused, not raised."""

    def batches() -> Iterator[InputBatch]:
        waiting = enumerate(paths)
        while chunk := list(islice(waiting, batch_size)):
            kept: list[tuple[int, Path]] = []
            pixels, refused = [], []
            for number, path in chunk:
                try:
                    pixels.append(framing.read(path))
                    kept.append((number, path))
                except DataError as error:
                    refused.append(error)
            shape = (len(kept), framing.channels, framing.size, framing.size)
            x = torch.from_numpy(np.stack(pixels)) if pixels else torch.empty(shape, dtype=torch.uint8)
            y = None if labels is None else labels[[number for number, _ in kept]]
            yield InputBatch([str(path) for _, path in kept], x, y, refused)

    return Inputs("file", batches(), total)


def rows(where: str, columns: Sequence[Column], batch_size: int) -> Inputs:
    """Rows of a CSV file: of its columns those that training knew, by name, encoded as training learned to.

    Raises:
        DataError: what ``read_table`` refuses; columns that are missing; while reading, what ``Column.encode`` refuses.
    """
    table = read_table(Path(where).expanduser(), "input")
    require_columns(table, [column.name for column in columns])

    def batches() -> Iterator[InputBatch]:
        for first in range(0, len(table.lines), batch_size):
            part = table.rows(first, first + batch_size)
            yield InputBatch(range(first, first + len(part.lines)), torch.from_numpy(encode(columns, part)).float())

    return Inputs("row", batches(), len(table.lines))


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Raises:
    DataError: the table lacks some of the columns that training read.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(
            f"{table.path} has no column {_listed(map(repr, missing))};",
            f"the network was trained on {_listed(names)};",
            f"its first line names {_listed(table.columns)}: rename or add.",
        )


def _listed(names: Iterable[str], most: int = 20) -> str:
    names = list(names)
    return ", ".join([*names[:most], *["..."] * (len(names) > most)])


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
