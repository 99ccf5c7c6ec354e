"""The only place that reads ``torch.save`` files: tensors and plain types, never code of a pickle."""

from __future__ import annotations

import os
import pickle
import tarfile
import warnings
from pathlib import Path
from typing import Any

import torch

UNREADABLE = (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, LookupError, TypeError)
"""What reading a broken file, or one of another kind, raises."""

# With this variable set, torch.load ignores weights_only=True.
_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def load(path: Path) -> Any:
    """Return the content of a file, on the CPU; anything but tensors and plain types raises one of ``UNREADABLE``.

    A ``.safetensors`` file is read as such. A tar archive, the format of torch before version 1, is refused: torch
    would unpack it to a folder first.
    """
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
        return torch.load(path, map_location="cpu", weights_only=True)
