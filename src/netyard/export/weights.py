"""The weights alone, under the parameter names of the library that the network comes from."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from netyard.errors import PlatformError
from netyard.export.description import as_text
from netyard.io import safe_load


def state_of(net: nn.Module) -> dict[str, Tensor]:
    """Weights by name; for a wrapped network of timm or torchvision, by the names of that library."""
    state = getattr(net, "network", net).state_dict()
    # clone(): safetensors refuses tensors that share memory, as tied embeddings do.
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}


def to_bytes(state: Mapping[str, Tensor], format: str, description: Mapping[str, Any]) -> bytes:
    """The weights as a file of ``torch.save``, or of safetensors, which contains the description, too."""
    if format == "safetensors":
        return safetensors.torch.save(dict(state), as_text(description))
    # Nothing but the state dict, so that ``net.load_state_dict(torch.load(FILE))`` works.
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def verify(path: Path, state: Mapping[str, Tensor], format: str) -> None:
    """Read the file and compare it with the weights.

    Raises:
        PlatformError: they differ.
    """
    read = safetensors.torch.load(path.read_bytes()) if format == "safetensors" else safe_load.load(path)
    if read.keys() != state.keys() or not all(_same_bytes(state[name], tensor) for name, tensor in read.items()):
        raise PlatformError(
            f"the file read from {path.parent} differs from what was written;",
            "a file is kept if it contains every weight unchanged;",
            "try another disk with output=FILE.",
        )


def _same_bytes(first: Tensor, second: Tensor) -> bool:
    # Not torch.equal, for which a NaN differs from itself: diverged weights would be reported as a damaged file.
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    return torch.equal(first.flatten().view(torch.uint8), second.flatten().view(torch.uint8))
