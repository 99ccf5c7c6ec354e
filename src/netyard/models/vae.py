"""The variational autoencoder, dense or convolutional, optionally conditional on the class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.dense import dense_layers
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Classes, Count, Length, OneOf
from netyard.ranges.signature import check

KINDS = ("dense", "convolutional")


class VAE(nn.Module):
    """``encode``: (B, *input_shape) -> mean and log-variance of the code; ``decode``: code -> parameters of pixels.

    Kingma & Welling 2013, arXiv:1312.6114. With ``num_classes`` encoder and decoder are conditional on the label: Sohn
    et al. 2015, "Learning structured output representation using deep conditional generative models".

    Args:
        input_shape: (C, H, W), or (F,) of a table for dense networks.
        latent_size: the length of a code.
        num_outputs_per_pixel: number of parameters of the likelihood. The outputs are first those of the first
            parameter, then those of the second one.
        kind: ``dense`` or ``convolutional``.
        hidden_sizes: of a dense encoder; the decoder has them in reverse.
        channels: of a convolutional encoder, each layer of which halves the map; the decoder has them in reverse.
        num_classes: None for a network that is not conditional.
        gated: gated linear units in place of activations in dense layers, as in Tomczak & Welling 2018,
            arXiv:1705.07120.
        log_variance_range: lower and upper bound of the log-variance; None: no bounds. Tomczak & Welling use (-6, 2).
            Without bounds, an image unlike the training data may get a variance of e^15.

    Raises:
        ArgumentError: a size below 1, an unknown kind or activation, a convolutional network without images or with
            gates, a lower bound that is not below the upper one.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        latent_size: Count,
        num_outputs_per_pixel: Count,
        kind: Annotated[str, OneOf(KINDS)] = "dense",
        hidden_sizes: Sequence[Count] = (256, 128),
        channels: Annotated[Sequence[Count], Length(1)] = (32, 64),
        num_classes: Classes | None = None,
        activation: Activation = "relu",
        gated: bool = False,
        log_variance_range: Annotated[Sequence[float], Length(2, 2)] | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(VAE, locals(), "model")
        self.input_shape, self.latent_size, self.num_classes = tuple(input_shape), latent_size, num_classes
        self.output_shape = (num_outputs_per_pixel * input_shape[0], *input_shape[1:])  # parameters are channels
        self.flat = kind == "dense"
        self.log_variance_range = None if log_variance_range is None else check_range(log_variance_range)
        if gated and not self.flat:
            raise ArgumentError(
                "gated is true and kind convolutional;",
                "only dense layers can have gates;",
                "try model.kind=dense.",
            )
        label_size = num_classes or 0
        if self.flat:
            # 2 * latent_size: mean and log-variance come from one layer, and are split in `encode`.
            sizes = [math.prod(input_shape) + label_size, *hidden_sizes]
            self.encoder = dense(sizes, 2 * latent_size, activation, gated)
            reverse = [latent_size + label_size, *reversed(hidden_sizes)]
            self.decoder = dense(reverse, math.prod(self.output_shape), activation, gated)
        else:
            check_image(self.input_shape)
            # (C, H, W) -> (channels[-1], h, w) -> features -> code, and the same sizes back.
            sides = halved(input_shape[1:], len(channels))
            features = channels[-1] * math.prod(sides[-1])
            down = downwards(input_shape[0] + label_size, channels, activation)
            self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(features, 2 * latent_size))
            up = upwards(channels, self.output_shape[0], sides, activation)
            lift = nn.Linear(latent_size + label_size, features)
            unfold = nn.Unflatten(1, (channels[-1], *sides[-1]))
            self.decoder = nn.Sequential(lift, activation_layer(activation), unfold, *up)
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return parameters (B, num_outputs_per_pixel * C, H, W) of pixels, decoded from the mean of the posterior."""
        # The task samples z = mean + std * eps itself, between encode and decode (the reparameterisation trick).
        return self.decode(self.encode(x, y)[0], y)

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, both (B, latent_size), of inputs (B, *input_shape).

        A conditional network also takes labels (B,) or class probabilities (B, num_classes).

        Raises:
            ArgumentError: a conditional network is called without labels.
        """
        # The log-variance rather than the variance: any real number is allowed, and the std exp(lv / 2) is positive.
        mean, log_variance = self.encoder(self._with_label(x.flatten(1) if self.flat else x, y)).chunk(2, dim=1)
        return mean, log_variance if self.log_variance_range is None else log_variance.clamp(*self.log_variance_range)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return parameters (B, num_outputs_per_pixel * C, H, W) of codes (B, latent_size) and labels as in encode."""
        return self.decoder(self._with_label(z, y)).reshape(-1, *self.output_shape)

    def _with_label(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Append the one-hot label to the features of x, or as constant channels to its maps."""
        if self.num_classes is None:
            return x
        if y is None:
            raise ArgumentError(
                "this VAE was given no label;",
                f"it is conditional, on {self.num_classes} classes;",
                "give it y, or try model=vae.",
            )
        # Floats are soft labels, as mixup makes them. (B, K) -> (B, K, 1, 1) -> (B, K, H, W) beside an image.
        labels = (y if y.is_floating_point() else F.one_hot(y, self.num_classes)).to(x.dtype)
        return torch.cat([x, labels.reshape(*labels.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])], dim=1)


def dense(sizes: Sequence[int], num_outputs: int, activation: str, gated: bool) -> nn.Sequential:
    """Return hidden layers of the given sizes, and a linear output layer."""
    return nn.Sequential(*dense_layers(sizes, activation, gated=gated), nn.Linear(sizes[-1], num_outputs))


def downwards(in_channels: int, channels: Sequence[int], activation: str) -> list[nn.Module]:
    """Return convolutions that each halve the side, rounded up, with activations."""
    layers: list[nn.Module] = []
    # strict=False: the first list is one longer, as it starts with the channels of the input.
    for width, next_width in zip([in_channels, *channels], channels, strict=False):
        layers += [nn.Conv2d(width, next_width, 3, stride=2, padding=1), activation_layer(activation)]
    return layers


def upwards(
    channels: Sequence[int], out_channels: int, sides: Sequence[tuple[int, ...]], activation: str
) -> list[nn.Module]:
    """Return the reverse of ``downwards``: upsampling and convolutions through its sides, to ``out_channels`` maps.

    Upsampling and convolution instead of a transposed convolution, which leaves a checkerboard pattern. Odena et al.
    2016.
    """
    widths = [*reversed(channels), out_channels]
    layers: list[nn.Module] = []
    for width, next_width, side in zip(widths, widths[1:], reversed(sides[:-1]), strict=False):
        # Upsampling to the size, not by 2: a side of 7 was halved to 4, and must become 7 again.
        layers += [nn.Upsample(side), nn.Conv2d(width, next_width, 3, padding=1), activation_layer(activation)]
    return layers[:-1]  # without the last activation: the likelihood needs any real numbers


def halved(side: Sequence[int], times: int) -> list[tuple[int, ...]]:
    """Return height and width before and after each halving, rounded up; ``times + 1`` pairs."""
    sides = [tuple(side)]
    for _ in range(times):
        # As a convolution with kernel 3, stride 2 and padding 1: floor((n - 1) / 2) + 1 = ceil(n / 2).
        sides.append(tuple((each + 1) // 2 for each in sides[-1]))
    return sides


def check_range(log_variance_range: Sequence[float]) -> tuple[float, float]:
    """Return lower and upper bound; raise ArgumentError unless the lower one comes first and is smaller."""
    low, high = log_variance_range
    if not low < high:
        raise ArgumentError(
            f"log_variance_range is {list(log_variance_range)};",
            "it must be two numbers, the smaller one first;",
            "try model.log_variance_range=[-6,2].",
        )
    return low, high


def check_image(input_shape: Sequence[int]) -> None:
    """Raise ArgumentError unless the shape is that of an image."""
    if len(input_shape) != 3:
        raise ArgumentError(
            f"input_shape is {list(input_shape)};",
            "a convolution needs images (channels, height, width);",
            "try model=vae, or data=digits.",
        )
