"""Networks of timm by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def check_size(build: Callable[..., nn.Module], architecture: str, size: int) -> None:
    """Digits are enlarged to a size that the network can take."""
    with torch.device("meta"):
        net = build("timm", architecture=architecture)
        assert net.resize.size == (size, size)
        assert net.train()(torch.empty(2, 1, 8, 8)).shape == (2, 10)
