"""Image files of a user, read in the format of a run's images."""

from __future__ import annotations

import glob
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.inputs import InputBatch, Inputs
from netyard.data.images.decode import SUFFIXES
from netyard.data.images.files import UNREAD, reason, walk_images
from netyard.data.images.preparation import Preparation
from netyard.errors import ConfigError, DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageReader(Preparation):
    """Reads image files of a user as a run's images are prepared.

    Raises:
        ConfigError: the run's images have neither one channel nor three.
    """

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ConfigError(
                f"the run was trained on images of {self.channels} channels;",
                "image files are read with 1 channel (grey) or 3 (RGB);",
                "leave input out to predict the test split of the run's own data.",
            )

    def inputs_at(self, where: str, batch_size: int) -> Inputs:
        """A file, the files in a folder, or those that match a pattern: see ``find_images``."""
        # Listed twice, once to count them: a list of a million paths is never held in memory.
        others: Counter[str] = Counter()
        total = sum(1 for _ in find_images(where, others))
        # Not of notes and tables beside the images: nobody expects a prediction for them.
        for suffix in sorted(UNREAD.intersection(others)):
            files = "file" if others[suffix] == 1 else "files"
            log.warning("left out: %d %s %s (%s)", others[suffix], files, suffix, reason(suffix))
        return self.inputs(find_images(where), total, batch_size)

    def inputs(self, paths: Iterable[Path], total: int, batch_size: int, labels: Tensor | None = None) -> Inputs:
        """Image files and their labels (N,), None if unknown. A damaged file does not end the others' prediction."""

        def batches() -> Iterator[InputBatch]:
            remaining = enumerate(paths)
            while chunk := list(islice(remaining, batch_size)):
                read: list[tuple[int, Path]] = []
                images, refused = [], []
                for number, path in chunk:
                    try:
                        images.append(self.read(path))
                        read.append((number, path))
                    except DataError as error:
                        refused.append(error)
                # np.stack refuses an empty list: if every file of a batch is damaged, the batch has no sample.
                empty = torch.empty((0, self.channels, *self.size), dtype=torch.uint8)
                x = torch.from_numpy(np.stack(images)) if images else empty
                y = None if labels is None else labels[[number for number, _ in read]]
                yield InputBatch([str(path) for _, path in read], x, y, refused)

        return Inputs("file", batches(), total)


def find_images(where: str, others: Counter[str] | None = None) -> Iterator[Path]:
    """An image file, all images in a folder and its subfolders, or all that match a pattern like ``photos/*.png``.

    The suffixes of the other files in a folder are counted in ``others``, once the iterator has ended.

    Raises:
        DataError: there is none.
    """
    place = Path(where).expanduser()
    if place.is_dir():
        found, missing = walk_images(place, others), f"the folder {where} contains no image"
    elif place.is_file():
        return iter([place])
    else:
        matching = map(Path, sorted(glob.glob(str(place), recursive=True)))  # noqa: PTH207  (Path's needs a folder)
        found = (path for path in matching if path.suffix.lower() in SUFFIXES and path.is_file())
        missing = f"no image matches the pattern {where}" if glob.has_magic(where) else f"there is no {where}"
    # Look for the first now: a generator would raise only when the first batch.
    first = next(found, None)
    if first is None:
        raise DataError(
            f"{missing};",
            f"input is an image file, a folder of them or a pattern, with a suffix of {' '.join(sorted(SUFFIXES))};",
            "try input=FOLDER.",
        )
    return chain([first], found)
