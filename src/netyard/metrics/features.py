"""A trained classifier's own features: what its last linear layer reads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError


class HeadInput(nn.Module):
    """Pictures (B, C, H, W) in [0, 1] -> what comes to the classifier's last linear layer, (B, D).

    Args:
        net: normalised pictures -> class logits.
        mean, std: of each channel, which it was normalised by in training.

    Raises:
        ArgumentError: it has no linear layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        head = head_of(net)
        self.net = net
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self._head_input = torch.empty(0)
        head.register_forward_pre_hook(self._keep)

    def forward(self, pictures: Tensor) -> Tensor:
        self.net((pictures - self.mean) / self.std)
        features, self._head_input = self._head_input, torch.empty(0)
        return features.flatten(1)

    def _keep(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._head_input = inputs[0]


def head_of(net: nn.Module) -> nn.Linear:
    """A classifier's last linear layer.

    Raises:
        ArgumentError: it has none.
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise ArgumentError(
            f"{type(net).__name__} has no linear layer;",
            "features are what comes to a classifier's last one;",
            "try a run of model=cnn.",
        )
    return layers[-1]
