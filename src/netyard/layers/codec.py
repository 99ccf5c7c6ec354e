"""Dense and convolutional encoders to a latent vector (the code), and decoders with the same layers in reverse."""

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
    """Hidden layers of linear, batch norm, activation and dropout, then a linear layer to the code.

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
        initialize_weights(self.head, weight_init, "identity")  # no activation follows: a gain of 1

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x))


class DenseDecoder(nn.Module):
    """Hidden layers, in the order from the code to the output, then a linear output without an activation.

    (B, latent_size) -> (B, *output_shape).

    Raises:
        ArgumentError: as in ``DenseEncoder``.
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
        # Linear, since inputs are normalised: they are not in [0, 1], where a sigmoid would put the output.
        self.head = nn.Linear(sizes[-1], math.prod(output_shape))
        self.shape = nn.Unflatten(1, tuple(output_shape))
        initialize_weights(self.hidden, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, z: Tensor) -> Tensor:
        return self.shape(self.head(self.hidden(z)))


class ConvEncoder(nn.Module):
    """Convolutions of stride 2, each of which halves the map while it is 4 x 4 or larger, then a linear layer.

    (B, C, H, W) -> (B, latent_size); ``input_shape`` is (C, H, W). The half of an odd side is rounded up.

    Raises:
        ArgumentError: not an image, a size below 1, no channels, an even kernel, an unknown activation or weight_init.
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
        sizes = map_sizes(input_shape[1:], len(channels))  # one more than there are blocks
        blocks: list[nn.Module] = []
        width = input_shape[0]
        for out_channels, (before, after) in zip(channels, pairwise(sizes), strict=True):
            # A stride in place of a pool: the layer learns how to shrink. Springenberg et al. 2014, arXiv:1412.6806.
            stride = 1 if after == before else 2
            blocks.append(_block(width, out_channels, kernel_size, stride, activation, batch_norm))
            width = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width * math.prod(sizes[-1]), latent_size)
        initialize_weights(self.blocks, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x).flatten(1))  # (B, channels[-1] * h * w) -> (B, latent_size)


class ConvDecoder(nn.Module):
    """A linear layer from the code to a small map, then upsampling and convolution through the encoder's sizes.

    (B, latent_size) -> (B, C, H, W); ``output_shape`` is (C, H, W), and ``channels`` start at the code. Upsampling
    before a convolution leaves no checkerboard pattern, as a transposed convolution does, and reaches every size
    exactly. Odena, Dumoulin & Olah 2016, "Deconvolution and Checkerboard Artifacts".

    Raises:
        ArgumentError: as in ``ConvEncoder``.
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
        sizes = map_sizes(output_shape[1:], len(channels))[::-1]  # smallest first
        self.first = nn.Linear(latent_size, channels[0] * math.prod(sizes[0]))
        self.shape = nn.Unflatten(1, (channels[0], *sizes[0]))
        self.activation = activation_layer(activation)
        blocks: list[nn.Module] = []
        # One block fewer than in the encoder: the last convolution, to the image's channels, is the head.
        for (width, out_channels), (before, after) in zip(pairwise(channels), pairwise(sizes[:-1]), strict=True):
            blocks += _upsample(before, after)
            blocks.append(_block(width, out_channels, kernel_size, 1, activation, batch_norm))
        self.blocks = nn.Sequential(*blocks, *_upsample(sizes[-2], sizes[-1]))
        self.head = nn.Conv2d(channels[-1], output_shape[0], kernel_size, padding=kernel_size // 2)
        initialize_weights(self.first, weight_init, activation)
        initialize_weights(self.blocks, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, z: Tensor) -> Tensor:
        return self.head(self.blocks(self.activation(self.shape(self.first(z)))))


def map_sizes(size: Sequence[int], num_blocks: int) -> list[Size]:
    """Return (H, W) of the image and of the map after each block: halved, rounded up, while both are at least 4."""
    sizes = [(size[0], size[1])]
    for _ in range(num_blocks):
        height, width = sizes[-1]
        # Below 4 a halving would leave at most 2 pixels a side, where a 3x3 kernel reads mostly padding.
        sizes.append(((height + 1) // 2, (width + 1) // 2) if min(height, width) >= 4 else (height, width))
    return sizes


def _block(
    width: int, out_channels: int, kernel_size: int, stride: int, activation: str, batch_norm: bool
) -> nn.Sequential:
    # With half of an odd kernel as padding a stride of 1 keeps the size, and a stride of 2 halves it, rounded up.
    # Batch norm subtracts the mean, and with it any bias, and adds its own.
    layers: list[nn.Module] = [
        nn.Conv2d(width, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=not batch_norm)
    ]
    if batch_norm:
        layers.append(nn.BatchNorm2d(out_channels))
    return nn.Sequential(*layers, activation_layer(activation))


def _upsample(before: Size, after: Size) -> list[nn.Module]:
    # The size, not a factor of 2: 7 pixels became 4, and have to become 7 again.
    return [] if before == after else [nn.Upsample(size=after)]


def _check_image(shape: Sequence[int]) -> None:
    if len(shape) != 3:
        raise ArgumentError(
            f"one sample has the shape {list(shape)};",
            "convolutions need images, [channels, height, width];",
            "try model=autoencoder, or data=digits.",
        )
