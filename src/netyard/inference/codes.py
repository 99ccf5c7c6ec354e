"""Codes of a trained network: read from files, decoded, and points between the codes of two inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.errors import ConfigError, DataError
from netyard.io import safe_load
from netyard.io.rows import Rows
from netyard.tasks.interfaces import DecodesCodes, EncodesCodes, ImageData, WritesCells, shows_images

STEPS = 9  # from one code to another, both included
_FILES = "a .npy or .pt file of an array (N, K), or a .csv file with a code in each row"


def decoded(task: Any, data: Any, options: Mapping[str, Any], choice: str) -> Tensor | Rows:
    """The pictures (N, C, H, W) in [0, 1], or the rows in own units, of given codes.

    Args:
        options: ``latent``, a file of codes or an array (N, K); or ``between``, two inputs, and ``steps`` from the code
            of one to that of the other; ``class`` of a conditional network.
        choice: the name of the task.

    Raises:
        ConfigError: the task has no codes, or an option does not fit.
        DataError: a file cannot be read, or its codes have another width.
    """
    known = {"latent", "class"} if "latent" in options else {"between", "steps", "count", "class"}
    for name in options:
        if name not in known:
            raise ConfigError(
                f"{name} was given with {'latent' if 'latent' in options else 'between'};",
                f"the options are {', '.join(sorted(known))};",
                "see netyard generate --help.",
            )
    if not isinstance(task, DecodesCodes):
        raise ConfigError(
            f"the run is one of task={choice}, which decodes no codes;",
            "autoencoders, VAEs and GANs do;",
            "try a run of model=vae.",
        )
    label = None if options.get("class") is None else _whole("class", options["class"], 0)
    codes = _given(options["latent"], task) if "latent" in options else _between(task, data, options, choice)
    with torch.no_grad():
        made = task.decoded(codes, label)
    return made if shows_images(data) else in_own_units(made, data)


def in_own_units(samples: Tensor, data: Any) -> Tensor | Rows:
    """Normalised samples (N, ...) of a network that makes no images, in the units and words of the training data.

    Rows; or pictures (N, C, H, W) in [0, 1] of images that the network reads as sequences.
    """
    if isinstance(data, ImageData) and data.image_size is not None:
        return data.denormalize(samples)
    if isinstance(data, WritesCells):
        cells = data.cells(samples)
    else:
        cells = {f"column_{place}": column.tolist() for place, column in enumerate(samples.flatten(1).T, start=1)}
    return Rows(dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True))


def code_columns(codes: Tensor) -> dict[str, list[float]]:
    """Codes (B, K) as columns ``code_1`` to ``code_K``."""
    return {f"code_{place}": column.tolist() for place, column in enumerate(codes.flatten(1).T, start=1)}


def _between(task: Any, data: Any, options: Mapping[str, Any], choice: str) -> Tensor:
    """Codes (steps, K) on a straight line from the code of one input to that of another."""
    if not isinstance(task, EncodesCodes):
        raise ConfigError(
            f"between was given for a run of task={choice}, which has no encoder with continuous codes;",
            "the codes between two inputs are those of an autoencoder or a VAE;",
            "try latent=FILE, or a run of model=vae.",
        )
    given = options["between"]
    places = [str(each) for each in given] if isinstance(given, list | tuple) else str(given).strip("[]").split(",")
    if len(places) != 2 or not all(places):
        raise ConfigError(
            f"between is {given};", "it names two inputs, separated by a comma;", "try between=A.png,B.png."
        )
    steps = _whole("steps", options.get("steps", options.get("count", STEPS)), 2)
    with torch.no_grad():
        ends = [task.codes_of(_one_input(data, place)).float().cpu()[0] for place in places]
    return torch.lerp(*ends, torch.linspace(0, 1, steps)[:, None])


def _one_input(data: Any, place: str) -> Tensor:
    """The first input of a file, as the network reads it: (1, ...)."""
    for batch in data.inputs(place.strip()).batches:
        if batch.refused and not len(batch.names):
            raise batch.refused[0]
        return data.prepare(batch.x[:1], torch.zeros(1))[0]
    raise DataError(f"{place} has no input;", "between names two inputs;", "try between=A.png,B.png.")


def _given(given: Any, task: Any) -> Tensor:
    """Codes (N, K) of a file or an array.

    Raises:
        DataError: it cannot be read, has another width, or numbers that are not finite.
    """
    codes = _read(Path(given).expanduser()) if isinstance(given, str | Path) else torch.as_tensor(np.asarray(given))
    width = int(np.prod(task.code_shape))
    # A single code, or codes with the shape that the network has inside.
    codes = codes[None] if codes.ndim == 1 else codes.flatten(1) if codes.ndim > 1 else codes[None, None]
    if not len(codes) or codes.shape[1] != width or codes.is_complex():
        raise DataError(
            f"the codes have the shape {tuple(codes.shape)};",
            f"a code of this network has {width} numbers: (N, {width});",
            "netyard predict codes=true writes codes of this width.",
        )
    if not codes.double().isfinite().all():
        bad = int((~codes.double().isfinite().all(dim=1)).nonzero()[0])
        raise DataError(f"code {bad} has NaN or infinity;", "every number must be finite;", "repair that code.")
    return codes.float()


def _read(path: Path) -> Tensor:
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return torch.from_numpy(np.asarray(np.load(path)).astype(np.float64))
        if suffix == ".pt":
            found = safe_load.load(path)
            if isinstance(found, Tensor):
                return found.detach()
            raise ValueError(f"it has a {type(found).__name__}")
        if suffix == ".csv":
            return torch.tensor([*_csv_rows(path)], dtype=torch.float64)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error};", f"latent is {_FILES};", "try latent=codes.npy."
        ) from error
    except Exception as error:  # of NumPy and of pickles, of any kind
        reason = str(error).strip().splitlines()[0].rstrip(".;:") if str(error).strip() else type(error).__name__
        raise DataError(f"{path} cannot be read: {reason};", f"latent is {_FILES};", "try latent=codes.npy.") from error
    raise ConfigError(f"latent is {path};", f"it is {_FILES};", "try latent=codes.npy.")


def _csv_rows(path: Path) -> Iterator[list[float]]:
    """The numbers of each row: of a table of ``netyard predict`` the columns code_1, code_2, ..., else all of them."""
    lines = [line.strip().split(",") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    named = [place for place, name in enumerate(lines[0]) if name.strip('" ').startswith("code_")] if lines else []
    try:
        [float(cell) for cell in lines[0]]
    except ValueError:
        lines = lines[1:]
    for row in lines:
        yield [float(row[place]) for place in named] if named else [float(cell) for cell in row]


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise ConfigError(f"{name} is {value};", f"it is a whole number of at least {least};", f"try {name}={least}.")
    return number
