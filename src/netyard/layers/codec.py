"""Encoders to a flat code and decoders back from one, dense and convolutional, each the other's mirror."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.dense import dense_layers
from netyard.layers.initialization import WeightInit, initialize_weights
from netyard.ranges.bounds import Count, Ge, Length, Odd, Probability
from netyard.ranges.signature import check

Size = tuple[int, int]


class DenseEncoder(nn.Module):
    """Hidden layers of linear, batch norm, activation and dropout, then a linear code.

    (B, *input_shape) -> (B, latent_size).

    Raises:
        ArgumentError: a size below 1, a dropout outside [0, 1), an unknown activation or weight_init.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        latent_size: Count,
        hidden_sizes: Sequence[Count] = (256, 128),
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: Probability = 0.0,
        weight_init: WeightInit = "default",
    ) -> None:
        super().__init__()
        check(DenseEncoder, locals(), "model")
        sizes = [math.prod(input_shape), *hidden_sizes]
        self.hidden = nn.Sequential(nn.Flatten(), *dense_layers(sizes, activation, batch_norm, dropout))
        self.head = nn.Linear(sizes[-1], latent_size)
        initialize_weights(self.hidden, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x))


class DenseDecoder(nn.Module):
    """Hidden layers, from the code outwards, then a linear output that nothing squashes.

    (B, latent_size) -> (B, *output_shape).

    Raises:
        ArgumentError: as ``DenseEncoder``.
    """

    def __init__(
        self,
        latent_size: Count,
        output_shape: Sequence[Count],
        hidden_sizes: Sequence[Count] = (128, 256),
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: Probability = 0.0,
        weight_init: WeightInit = "default",
    ) -> None:
        super().__init__()
        check(DenseDecoder, locals(), "model")
        sizes = [latent_size, *hidden_sizes]
        self.hidden = nn.Sequential(*dense_layers(sizes, activation, batch_norm, dropout))
        self.head = nn.Linear(sizes[-1], math.prod(output_shape))
        self.shape = nn.Unflatten(1, tuple(output_shape))
        initialize_weights(self.hidden, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, z: Tensor) -> Tensor:
        return self.shape(self.head(self.hidden(z)))


class ConvEncoder(nn.Module):
    """Convolutions of stride 2, each halving the picture while 2 x 2 is left of it, then a linear code.

    (B, C, H, W) -> (B, latent_size); ``input_shape`` is (C, H, W). Of an odd side the larger half is kept.

    Raises:
        ArgumentError: no picture, a size below 1, no channels, an even kernel, an unknown activation or weight_init.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        latent_size: Count,
        channels: Annotated[Sequence[Count], Length(1)] = (32, 64),
        kernel_size: Annotated[int, Ge(1), Odd()] = 3,
        activation: Activation = "relu",
        batch_norm: bool = False,
        weight_init: WeightInit = "default",
    ) -> None:
        super().__init__()
        check(ConvEncoder, locals(), "model")
        _check_image(input_shape)
        sizes = map_sizes(input_shape[1:], len(channels))
        blocks: list[nn.Module] = []
        width = input_shape[0]
        for out_channels, (before, after) in zip(channels, pairwise(sizes), strict=True):
            stride = 1 if after == before else 2
            blocks.append(_block(width, out_channels, kernel_size, stride, activation, batch_norm))
            width = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width * math.prod(sizes[-1]), latent_size)
        initialize_weights(self.blocks, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x).flatten(1))


class ConvDecoder(nn.Module):
    """A linear map of the code to a small picture, then enlarging and convolution back through the encoder's sizes.

    (B, latent_size) -> (B, C, H, W); ``output_shape`` is (C, H, W), and ``channels`` count from the code outwards.
    Enlarging before a convolution leaves no checkerboard, as a transposed one does, and hits every size exactly. Odena,
    Dumoulin & Olah 2016, "Deconvolution and Checkerboard Artifacts".

    Raises:
        ArgumentError: as ``ConvEncoder``.
    """

    def __init__(
        self,
        latent_size: Count,
        output_shape: Sequence[Count],
        channels: Annotated[Sequence[Count], Length(1)] = (64, 32),
        kernel_size: Annotated[int, Ge(1), Odd()] = 3,
        activation: Activation = "relu",
        batch_norm: bool = False,
        weight_init: WeightInit = "default",
    ) -> None:
        super().__init__()
        check(ConvDecoder, locals(), "model")
        _check_image(output_shape)
        sizes = map_sizes(output_shape[1:], len(channels))[::-1]
        self.first = nn.Linear(latent_size, channels[0] * math.prod(sizes[0]))
        self.shape = nn.Unflatten(1, (channels[0], *sizes[0]))
        self.activation = activation_layer(activation)
        blocks: list[nn.Module] = []
        for (width, out_channels), (before, after) in zip(pairwise(channels), pairwise(sizes[:-1]), strict=True):
            blocks += _enlarged(before, after)
            blocks.append(_block(width, out_channels, kernel_size, 1, activation, batch_norm))
        self.blocks = nn.Sequential(*blocks, *_enlarged(sizes[-2], sizes[-1]))
        self.head = nn.Conv2d(channels[-1], output_shape[0], kernel_size, padding=kernel_size // 2)
        initialize_weights(self.first, weight_init, activation)
        initialize_weights(self.blocks, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, z: Tensor) -> Tensor:
        return self.head(self.blocks(self.activation(self.shape(self.first(z)))))


def map_sizes(size: Sequence[int], num_blocks: int) -> list[Size]:
    """The picture's (H, W) and the map's after each block: halved, rounded up, while both sides are at least 4."""
    sizes = [(size[0], size[1])]
    for _ in range(num_blocks):
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2) if min(height, width) >= 4 else (height, width))
    return sizes


def _block(
    width: int, out_channels: int, kernel_size: int, stride: int, activation: str, batch_norm: bool
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(width, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=not batch_norm)
    ]
    if batch_norm:
        layers.append(nn.BatchNorm2d(out_channels))
    return nn.Sequential(*layers, activation_layer(activation))


def _enlarged(before: Size, after: Size) -> list[nn.Module]:
    return [] if before == after else [nn.Upsample(size=after)]


def _check_image(shape: Sequence[int]) -> None:
    if len(shape) != 3:
        raise ArgumentError(
            f"one sample has the shape {list(shape)};",
            "convolutions need images, [channels, height, width];",
            "try model=autoencoder, or data=digits.",
        )
