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
    """Weights by name; of a wrapped network of timm or torchvision, by the library's own names."""
    state = getattr(net, "network", net).state_dict()
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}


def to_bytes(state: Mapping[str, Tensor], format: str, description: Mapping[str, Any]) -> bytes:
    """The weights as a file for ``torch.load``, or of safetensors, which holds their description too."""
    if format == "safetensors":
        return safetensors.torch.save(dict(state), as_text(description))
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def verify(path: Path, state: Mapping[str, Tensor], format: str) -> None:
    """Read a file again.

    Raises:
        PlatformError: it does not hold the weights.
    """
    read = safetensors.torch.load(path.read_bytes()) if format == "safetensors" else safe_load.load(path)
    if read.keys() != state.keys() or not all(torch.equal(state[name], tensor) for name, tensor in read.items()):
        raise PlatformError(
            f"{path.parent} does not give back what was written there;",
            "a file is kept if it holds every weight as it was;",
            "try another disk with output=FILE.",
        )
