"""A simple convolutional network, as a first example to read and to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn

from netyard.layers.activations import Activation, activation_layer
from netyard.layers.initialization import WeightInit, initialize_weights
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Ge, Length, Odd, Probability
from netyard.ranges.image_size import ImageSize, height_and_width
from netyard.ranges.signature import check


class CNN(nn.Module):
    """Blocks of convolution, batch norm, activation and 2x2 max pool; then the mean of the map, and a linear layer.

    (B, in_channels, H, W) -> (B, num_outputs) logits. The mean makes the number of weights independent of H and W.
    A block has no pool if its map would become smaller than 2x2, so the number of pools depends on ``image_size``.

    Raises:
        ArgumentError: a size below 1, an even kernel, a dropout outside [0, 1), an unknown activation or scheme.
    """

    def __init__(
        self,
        num_outputs: Count,
        in_channels: Count,
        image_size: ImageSize,
        channels: Annotated[Sequence[Count], Length(1)] = (32, 64, 128),
        kernel_size: Annotated[int, Ge(1), Odd()] = 3,
        activation: Activation = "relu",
        batch_norm: bool = True,
        dropout: Probability = 0.0,
        weight_init: WeightInit = "default",
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(CNN, locals(), "model")
        blocks: list[nn.Module] = []
        width, side = in_channels, min(height_and_width(image_size))  # the shorter side
        for out_channels in channels:
            # Half of an odd kernel as padding keeps H and W. Batch norm subtracts the mean, and any bias with it.
            layers: list[nn.Module] = [
                nn.Conv2d(width, out_channels, kernel_size, padding=kernel_size // 2, bias=not batch_norm)
            ]
            if batch_norm:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(activation_layer(activation))
            if side >= 4:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            blocks.append(nn.Sequential(*layers))
            width = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, num_outputs)
        initialize_weights(self.blocks, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")  # no activation follows: a gain of 1
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Tensor:
        # (B, C, H, W) -> (B, channels[-1], h, w) -> (B, channels[-1], 1, 1)
        x = self.pool(self.blocks(x)).flatten(1)  # (B, channels[-1])
        return self.head(self.dropout(x))
