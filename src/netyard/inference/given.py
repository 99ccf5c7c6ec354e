"""Inputs of ``predict`` from Python: a path, an array, a data frame or texts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.errors import ConfigError, DataError
from netyard.ranges.image_size import height_and_width
from netyard.tasks.interfaces import ImageData, NormalizedData, ReadsTexts, SampledData, TextData

PORTION = 256  # samples in a batch


@dataclass
class Portion:
    """A batch of samples of an array, with the fields of ``InputBatch``."""

    names: Sequence[int]
    x: Tensor
    y: Tensor | None = None
    refused: Sequence[DataError] = ()


@dataclass
class Samples:
    """All samples of an array, with the fields of ``Inputs``."""

    batches: Iterator[Portion]
    total: int
    kind: str = "row"


def inputs_of(data: Any, given: Any, column: str | None = None) -> Any:
    """The given samples as inputs of the datamodule of a run.

    Args:
        given: a path, as in ``netyard predict input=``; an array or tensor (B, ...) in the data's own units, or one
            sample of it: images are (B, C, H, W), (B, H, W, C) or (B, H, W), integers up to ``data.max_value`` (of
            more than 8 bits in the range of the run's images, if it has one) or floats from 0 to 1; a
            ``pandas.DataFrame`` with the columns of training; a list of texts.
        column: the column of texts of a table; None: that of training.

    Raises:
        ConfigError: a column is given for data that are no texts.
        DataError: it has another type or shape, or contains NaN.
    """
    if column is not None and not isinstance(data, ReadsTexts):
        raise ConfigError(
            f"column is {column}, and the run is none of texts;",
            "a table is read by the names of its columns;",
            "leave column out.",
        )
    named = {} if column is None else {"column": column}
    if isinstance(given, str | os.PathLike):
        return data.inputs(os.fspath(given), **named)
    if hasattr(given, "to_csv"):  # a data frame of pandas or of a library with its methods; none is imported for it
        return _by_file(data, lambda path: given.to_csv(path, index=False), ".csv", **named)
    if isinstance(given, list | tuple) and given and all(isinstance(each, str) for each in given):
        if isinstance(data, ReadsTexts):
            return data.text_inputs(given)
        lines = "\n".join(" ".join(text.split()) for text in given)
        return _by_file(data, lambda path: Path(path).write_text(lines, encoding="utf-8"), ".txt")
    x = _as_samples(data, _tensor(given))
    numbers = torch.arange(len(x))
    pairs = zip(numbers.split(PORTION), x.split(PORTION), strict=True)
    return Samples((Portion(names.tolist(), part) for names, part in pairs), len(x))


def _by_file(data: Any, write: Any, suffix: str, **named: str) -> Any:
    """Write a temporary file and read it with the reader of the training data."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"given{suffix}"
        write(path)
        found = data.inputs(str(path), **named)
        # Batches are read lazily, and the file is deleted when this returns.
        found.batches = iter(list(found.batches))
        return found


def _tensor(given: Any) -> Tensor:
    try:
        # np.asarray() also takes PIL images, nested lists and any object with ``__array__``.
        x = given.detach().cpu() if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{type(given).__name__} cannot be read as an array: {error};",
            "predictions are for a path, an array, a data frame or a list of texts;",
            "try a NumPy array.",
        ) from error
    if not x.is_complex() and x.is_floating_point() and not x.isfinite().all():
        raise DataError("the array contains NaN or infinity;", "every number must be finite;", "replace them first.")
    return x


def _as_samples(data: Any, x: Tensor) -> Tensor:
    """Convert an array to (B, ...) in the shape and scale of the network's input.

    Raises:
        DataError: samples have another shape.
    """
    if isinstance(data, ImageData) and data.image_size:
        x = _images(data, x)
        # Stored pixels are normalised by ``DataModule.prepare``, as those of files are.
        return data.normalize(x) if x.is_floating_point() and isinstance(data, NormalizedData) else x
    if isinstance(data, TextData):
        x = _in_shape(x, None)
        return x.long()
    expected = tuple(data.input_shape or ()) if isinstance(data, SampledData) else ()
    if expected[1:] == (1,) and x.shape[-1:] == expected[:1]:  # a window of a series, (W,) or (B, W)
        x = x[..., None]
    x = _in_shape(x, expected).float()
    # Floats pass ``DataModule.prepare`` unchanged: it normalises only stored integers, so that is done here.
    return data.normalize(x) if isinstance(data, NormalizedData) and data.own_units else x


def _images(data: Any, x: Tensor) -> Tensor:
    """Convert images in one of the accepted layouts to (B, C, H, W), in [0, 1] or as they are stored."""
    channels, (height, width) = len(data.pixel_statistics()[0]), height_and_width(data.image_size)
    expected = (channels, height, width)
    # An array that is both layouts, as 3 x 3 images of 3 channels, is taken as (C, H, W).
    if x.shape[-3:] == (height, width, channels) and x.shape[-3:] != expected:
        x = x.movedim(-1, -3)
    # Grey images without a channel axis: (H, W) or (B, H, W).
    elif channels == 1 and x.ndim in (2, 3) and x.shape[-2:] == (height, width) and x.shape[-3:] != expected:
        x = x.unsqueeze(-3)
    x = _in_shape(x, expected)
    if not x.is_floating_point():
        deep = getattr(data, "value_range", None)
        # Arrays of more than 8 bits have the values of the files, which were read with one range.
        if deep is not None and x.dtype not in (torch.uint8, torch.bool):
            return ((x.double() - deep[0]) / (deep[1] - deep[0])).clamp(0, 1).float()
        return x
    # Floats of 0 to 255 would be predicted without any other error, and wrongly.
    if x.min() < 0 or x.max() > 1:
        raise DataError(
            f"the images contain floats from {float(x.min()):g} to {float(x.max()):g};",
            f"floats are from 0 to 1, whole numbers from 0 to {data.max_value:g};",
            f"divide by {data.max_value:g}, or give whole numbers.",
        )
    return x.float()


def _in_shape(x: Tensor, expected: tuple[int, ...] | None) -> Tensor:
    """Add the batch axis to a single sample, and check the shape; None: any shape."""
    if expected is not None and tuple(x.shape) == expected:
        x = x[None]
    if not len(x.shape) or not len(x) or (expected and tuple(x.shape[1:]) != expected):
        shape = ", ".join(map(str, expected or ("...",)))
        raise DataError(
            f"the array has shape {tuple(x.shape)};",
            f"the network was trained on samples of shape ({shape}): it must be (B, {shape});",
            "reshape or resize it.",
        )
    return x
