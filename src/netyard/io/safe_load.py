"""The only place that reads ``torch.save`` files: tensors and plain types, never code of a pickle."""

from __future__ import annotations

import contextlib
import os
import pickle
import tarfile
import warnings
from pathlib import Path
from typing import Any

import torch

from netyard.io import inert

UNREADABLE = (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, LookupError, TypeError)
"""What reading a broken file, or one of another kind, raises."""

# With this variable set, torch.load ignores weights_only=True.
_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def load(path: Path) -> Any:
    """Return the content of a file, on the CPU; anything but tensors and plain types raises one of ``UNREADABLE``.

    A ``.safetensors`` file is read as such. A tar archive, the format of torch before version 1, is refused: torch
    would unpack it to a folder first.
    """
    return _load(path, [])


def load_weights(path: Path) -> Any:
    """Return the content of a file of weights from elsewhere, with inert stand-ins for harmless objects in it.

    Tensors and plain types are read as by ``load``; see ``inert`` for what a stand-in is. No code of the file is run,
    and any other object raises one of ``UNREADABLE``.
    """
    names: set[str] = set()
    if path.suffix != ".safetensors":
        # For files in torch's zip format only; in older ones the listed names alone have stand-ins.
        with contextlib.suppress(*UNREADABLE):
            names = set(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    stand_ins = inert.stand_ins(names)
    if refused := sorted(names - {name for _, name in stand_ins}):
        raise ValueError(f"it holds {', '.join(refused[:3])}, and such an object could run code when it is loaded")
    return _load(path, stand_ins)


def _load(path: Path, stand_ins: list[tuple[type, str]]) -> Any:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)  # the format holds tensors only
        except SafetensorError as error:
            raise ValueError(f"it is not a valid .safetensors file: {error}") from error
    if os.environ.get(_UNSAFE, "0").lower() not in ("", "0", "false", "n", "no"):
        raise RuntimeError(f"{_UNSAFE} is set, which lets a file run code; unset it")
    with path.open("rb") as file:
        if tarfile.is_tarfile(file):
            raise ValueError("it is a tar archive, as torch wrote in its first year")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about the pickle protocol of files that are not pickles
        with torch.serialization.safe_globals(stand_ins):  # for this file only
            return torch.load(path, map_location="cpu", weights_only=True)
