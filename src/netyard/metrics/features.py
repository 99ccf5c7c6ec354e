"""Features of a trained classifier: the input of its last linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError


class HeadInput(nn.Module):
    """Images (B, C, H, W) in [0, 1] -> the input of the classifier's last linear layer, (B, D).

    Args:
        net: normalised images -> class logits.
        mean, std: of each channel, as in the normalisation of the training data.

    Raises:
        ArgumentError: ``net`` has no linear layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        head = classifier_head(net)
        self.net = net
        # Buffers, so that .to(device) moves them and the fingerprint of the state dict includes them.
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])  # (C, 1, 1)
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self._head_input = torch.empty(0)
        # A hook works for every architecture; replacing the head by nn.Identity would need its attribute name.
        head.register_forward_pre_hook(self._store_head_input)

    def forward(self, images: Tensor) -> Tensor:
        self.net((images - self.mean) / self.std)
        # Released at once: else the features of the last batch would stay in GPU memory.
        features, self._head_input = self._head_input, torch.empty(0)
        return features.flatten(1)

    def _store_head_input(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._head_input = inputs[0]


def classifier_head(net: nn.Module) -> nn.Linear:
    """The last linear layer of a classifier.

    Raises:
        ArgumentError: ``net`` has no linear layer.
    """
    # modules() yields layers in the order of their definition, and networks define their head last.
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise ArgumentError(
            f"{type(net).__name__} has no linear layer;",
            "features are the input of a classifier's last linear layer;",
            "try a run of model=cnn.",
        )
    return layers[-1]
